//! An author's folder: `extractor.toml`, `model.onnx`, `README.md`, `probes/`.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use registry_schema::digest::Digest;
use registry_schema::graph::{RefusedFile, inspect_file};
use registry_schema::limits;
use registry_schema::manifest::{
    self, GRAPH_FILE, Manifest, ManifestError, ProbeError, ProbeVectors, STATISTICS_FILE,
    Statistics, VECTORS_FILE,
};
use registry_schema::model_signing;
use registry_schema::onnx::Inspection;
use registry_schema::statement::{ReleaseFile, is_probe_image};

use crate::files::digest_of_file;
use crate::files::{self, FileError};
use crate::runtime::{ExtractorFiles, ExtractorSpec};

/// The author's description of an extractor.
pub const MANIFEST_FILE: &str = "extractor.toml";

/// A folder that was read: its manifest, and the paths of the files a release would carry.
#[derive(Clone, Debug)]
pub struct AuthorFolder {
    root: PathBuf,
    manifest: Manifest,
    files: BTreeMap<String, PathBuf>,
}

impl AuthorFolder {
    /// Reads a folder. Every file in it belongs to the release, except `extractor.toml` itself, a
    /// `model.sig` of an earlier publish, and files whose name starts with a dot.
    ///
    /// # Errors
    /// [`FolderError`] names the file and what is wrong with it.
    pub fn open(root: &Path) -> Result<Self, FolderError> {
        let path = root.join(MANIFEST_FILE);
        let text = match files::read_limited(&path, limits::CARD_BYTES) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(FolderError::NoManifest {
                    root: root.to_owned(),
                });
            }
            other => other?,
        };
        let text =
            String::from_utf8(text).map_err(|_| FolderError::NotUtf8 { path: path.clone() })?;
        let manifest =
            Manifest::from_toml(&text).map_err(|source| FolderError::Manifest { path, source })?;
        let mut found = BTreeMap::new();
        collect_files(root, root, &mut found)?;
        Ok(Self {
            root: root.to_owned(),
            manifest,
            files: found,
        })
    }

    /// What the author says about the extractor.
    pub fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Where a file of the release is.
    pub fn path_of(&self, path: &str) -> Option<&Path> {
        self.files.get(path).map(PathBuf::as_path)
    }

    /// The probe images: path in the release and on disk.
    pub fn probe_images(&self) -> BTreeMap<String, PathBuf> {
        self.files
            .iter()
            .filter(|(path, _)| is_probe_image(path))
            .map(|(path, disk)| (path.clone(), disk.clone()))
            .collect()
    }

    /// What the runtime needs to run it.
    ///
    /// # Errors
    /// [`FolderError::NoGraph`].
    pub fn extractor_files(&self) -> Result<ExtractorFiles, FolderError> {
        let graph = self
            .path_of(GRAPH_FILE)
            .ok_or_else(|| FolderError::NoGraph {
                root: self.root.clone(),
            })?;
        let spec = ExtractorSpec {
            input: self.manifest.input.clone(),
            output: self.manifest.output.clone(),
        };
        Ok(ExtractorFiles {
            graph: graph.to_owned(),
            spec,
        })
    }

    /// Inspects every file without running anything, and compares the graph with the manifest.
    ///
    /// # Errors
    /// [`FolderError::Refused`] with the first reason to refuse one.
    pub fn inspect(&self) -> Result<Inspection, FolderError> {
        let mut of_the_graph = None;
        let graph = self.graph_of_statistics()?;
        for (path, disk) in &self.files {
            let found = inspect(path, disk, &self.manifest, graph.as_ref())?;
            if path == GRAPH_FILE {
                of_the_graph = found;
            }
        }
        of_the_graph.ok_or_else(|| FolderError::NoGraph {
            root: self.root.clone(),
        })
    }

    /// The statistics of an earlier check, when there are any.
    ///
    /// # Errors
    /// [`FolderError::Refused`] when they do not fit the manifest.
    pub fn statistics(&self) -> Result<Option<Statistics>, FolderError> {
        let Some(path) = self.path_of(STATISTICS_FILE) else {
            return Ok(None);
        };
        let bytes = files::read_limited(path, limits::STATISTICS_BYTES)?;
        let parsed = Statistics::parse(&bytes, &self.manifest);
        Ok(Some(parsed.map_err(RefusedFile::from)?))
    }

    /// Takes the statistics of an earlier check out of the release, to make new ones.
    pub fn forget_statistics(&mut self) {
        self.files.remove(STATISTICS_FILE);
    }

    /// Statistics become part of the folder.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn write_statistics(&mut self, statistics: &Statistics) -> Result<(), FolderError> {
        let path = self.root.join(STATISTICS_FILE);
        files::write_atomic(&path, &statistics.to_bytes())?;
        self.files.insert(STATISTICS_FILE.to_owned(), path);
        Ok(())
    }

    /// The digest of the graph, where there are statistics that must be of its features.
    fn graph_of_statistics(&self) -> Result<Option<Digest>, FolderError> {
        if self.path_of(STATISTICS_FILE).is_none() {
            return Ok(None);
        }
        let graph = self.extractor_files()?.graph;
        Ok(Some(digest_of_file(&graph)?))
    }

    /// Computed vectors become part of the folder.
    ///
    /// # Errors
    /// [`FolderError::File`].
    pub fn write_vectors(&mut self, vectors: &ProbeVectors) -> Result<(), FolderError> {
        let path = self.root.join(VECTORS_FILE);
        files::write_atomic(&path, &vectors.to_bytes())?;
        self.files.insert(VECTORS_FILE.to_owned(), path);
        Ok(())
    }

    /// The vectors of an earlier check.
    ///
    /// # Errors
    /// [`FolderError::Probes`] when there are none, or they do not fit the manifest.
    pub fn read_vectors(&self) -> Result<ProbeVectors, FolderError> {
        let path = self
            .path_of(VECTORS_FILE)
            .ok_or_else(|| FolderError::NotChecked {
                root: self.root.clone(),
            })?;
        let bytes = files::read_limited(path, limits::PROBE_VECTORS_BYTES)?;
        Ok(ProbeVectors::parse(&bytes, self.manifest.output.dimension)?)
    }

    /// The files of the release with their digests and sizes.
    ///
    /// # Errors
    /// [`FolderError::File`] when one cannot be read.
    pub fn release_files(&self) -> Result<Vec<ReleaseFile>, FolderError> {
        let describe = |(path, disk): (&String, &PathBuf)| {
            let size_bytes = disk
                .metadata()
                .map_err(|source| FileError::new("cannot read", disk, source))?
                .len();
            Ok(ReleaseFile {
                path: path.clone(),
                digest: digest_of_file(disk)?,
                size_bytes,
            })
        };
        self.files.iter().map(describe).collect()
    }
}

fn inspect(
    path: &str,
    disk: &Path,
    manifest: &Manifest,
    graph: Option<&Digest>,
) -> Result<Option<Inspection>, FolderError> {
    let error = |source| FileError::new("cannot read", disk, source);
    let file = File::open(disk).map_err(error)?;
    let size_bytes = file.metadata().map_err(error)?.len();
    Ok(inspect_file(
        path,
        BufReader::new(file),
        size_bytes,
        manifest,
        graph,
    )?)
}

fn collect_files(
    root: &Path,
    folder: &Path,
    found: &mut BTreeMap<String, PathBuf>,
) -> Result<(), FolderError> {
    let error = |source| FileError::new("cannot read folder", folder, source);
    for entry in fs::read_dir(folder).map_err(error)? {
        let entry = entry.map_err(error)?;
        let (path, kind) = (entry.path(), entry.file_type().map_err(error)?);
        let is_ours = path == root.join(MANIFEST_FILE) || path == root.join(model_signing::FILE);
        if is_ours || entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        if kind.is_dir() {
            collect_files(root, &path, found)?;
        } else if kind.is_file() {
            let relative = path
                .strip_prefix(root)
                .unwrap_or(&path)
                .to_string_lossy()
                .replace('\\', "/");
            manifest::check_file_path(&relative)?;
            found.insert(relative, path);
            if found.len() > limits::FILES {
                return Err(FolderError::TooMany {
                    root: root.to_owned(),
                });
            }
        } else {
            return Err(FolderError::NotRegular { path });
        }
    }
    Ok(())
}

/// A folder cannot become a release.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// Not an author's folder.
    #[error("`{}` has no `{MANIFEST_FILE}`: make a folder with `hub new`", root.display())]
    NoManifest {
        /// The folder.
        root: PathBuf,
    },
    /// The manifest.
    #[error("`{}` is not right", path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        #[source]
        source: ManifestError,
    },
    /// A text that is none.
    #[error("`{}` is not UTF-8 text", path.display())]
    NotUtf8 {
        /// The file.
        path: PathBuf,
    },
    /// No graph.
    #[error("`{}` has no `{GRAPH_FILE}`: export the network there", root.display())]
    NoGraph {
        /// The folder.
        root: PathBuf,
    },
    /// No vectors yet.
    #[error("`{}` was not checked yet: run `hub check`", root.display())]
    NotChecked {
        /// The folder.
        root: PathBuf,
    },
    /// A file is something else, or a graph is refused.
    #[error(transparent)]
    Refused(#[from] RefusedFile),
    /// A path no release may have.
    #[error(transparent)]
    Path(#[from] ManifestError),
    /// A link, pipe or device.
    #[error("`{}` is a link or a special file: a release holds regular files only", path.display())]
    NotRegular {
        /// The file.
        path: PathBuf,
    },
    /// Past [`limits::FILES`].
    #[error("`{}` has more than {} files", root.display(), limits::FILES)]
    TooMany {
        /// The folder.
        root: PathBuf,
    },
    /// The probe vectors.
    #[error(transparent)]
    Probes(#[from] ProbeError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}
