//! Features as files other programs read: Parquet and NumPy. Both are written as rows come, and appear when
//! they are complete.

use std::collections::HashMap;
use std::io::{Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::{ArrayRef, FixedSizeListArray, Float32Array, RecordBatch, StringArray};
use arrow_schema::{ArrowError, DataType, Field, Schema};
use parquet::arrow::ArrowWriter;
use parquet::errors::ParquetError;
use parquet::file::properties::WriterProperties;
use registry_schema::digest::Digest;

use super::{FeatureError, Origin};
use crate::files::{AtomicFile, Destination, FileError};

/// Rows of one Parquet row group, and rows held in memory.
const GROUP_ROWS: usize = 512;

/// Bytes of a NumPy header, so that the number of rows can be written over at the end.
const NPY_HEADER_BYTES: u16 = 128;

/// Writes rows of features to a file whose ending says the format.
///
/// `.parquet`: columns `path`, `sha256` and `features` (`FixedSizeList<f32>[dimension]`), with
/// `hub.release`, `hub.statement` and `hub.feature_space` in the schema's metadata.
/// `.npy`: `[rows, dimension]` f32 in C order (NumPy format 1.0), with the paths, one a line, in a text file beside
/// it: `features.npy` has `features.paths.txt`.
#[derive(Debug)]
pub struct FeatureWriter {
    dimension: usize,
    path: PathBuf,
    format: Format,
}

#[derive(Debug)]
enum Format {
    Parquet(Box<Parquet>),
    Npy(Box<Npy>),
}

#[derive(Debug)]
struct Npy {
    file: AtomicFile,
    paths: AtomicFile,
    rows: usize,
}

#[derive(Debug)]
struct Parquet {
    writer: ArrowWriter<AtomicFile>,
    schema: Arc<Schema>,
    paths: Vec<String>,
    digests: Vec<String>,
    features: Vec<f32>,
}

impl FeatureWriter {
    /// Starts a file; nothing is visible at `path` before [`Self::finish`].
    ///
    /// # Errors
    /// [`FeatureError::Format`] for another ending, [`FeatureError::File`] when the folder cannot be written to,
    /// or when the paths of an `.npy` file have no place.
    pub fn create(destination: &Destination, origin: &Origin) -> Result<Self, FeatureError> {
        let path = destination.path();
        let extension = path.extension().and_then(|extension| extension.to_str());
        let format = match extension {
            Some("parquet") => Format::Parquet(Box::new(Parquet::create(destination, origin)?)),
            Some("npy") => {
                let mut file = AtomicFile::create_at(destination)?;
                let error = |source| FileError::new("cannot write", path, source);
                file.write_all(&npy_header(0, origin.dimension))
                    .map_err(error)?;
                let paths = AtomicFile::create_at(&destination.beside("paths.txt")?)?;
                Format::Npy(Box::new(Npy {
                    file,
                    paths,
                    rows: 0,
                }))
            }
            _ => {
                return Err(FeatureError::Format {
                    path: path.to_owned(),
                });
            }
        };
        Ok(Self {
            dimension: origin.dimension,
            path: path.to_owned(),
            format,
        })
    }

    /// Adds the features of one image.
    ///
    /// # Errors
    /// [`FeatureError`] when they have another length or cannot be written, or when the name breaks a line
    /// and the format keeps names in lines.
    pub fn push(
        &mut self,
        name: &str,
        digest: &Digest,
        features: &[f32],
    ) -> Result<(), FeatureError> {
        if features.len() != self.dimension {
            return Err(FeatureError::Width {
                expected: self.dimension,
                found: features.len(),
            });
        }
        match &mut self.format {
            Format::Parquet(parquet) => parquet.push(name, digest, features, &self.path),
            Format::Npy(_) if name.contains(['\n', '\r']) => {
                let name = name.to_owned();
                Err(FeatureError::BrokenLine { name })
            }
            Format::Npy(npy) => {
                let error = |source| FileError::new("cannot write", &self.path, source);
                npy.rows += 1;
                let bytes: Vec<u8> = features
                    .iter()
                    .flat_map(|value| value.to_le_bytes())
                    .collect();
                npy.file.write_all(&bytes).map_err(error)?;
                Ok(writeln!(npy.paths, "{name}").map_err(error)?)
            }
        }
    }

    /// Completes the file and makes it visible.
    ///
    /// # Errors
    /// [`FeatureError`]; an earlier file at the path is then still there, or none: never features beside the paths of
    /// other images.
    pub fn finish(self) -> Result<(), FeatureError> {
        let path = self.path;
        match self.format {
            Format::Parquet(mut parquet) => {
                parquet.write_group(&path)?;
                let writer = parquet.writer;
                let file = writer
                    .into_inner()
                    .map_err(|source| FeatureError::Parquet { path, source })?;
                Ok(file.commit()?)
            }
            Format::Npy(npy) => {
                let Npy {
                    mut file,
                    paths,
                    rows,
                } = *npy;
                let header = npy_header(rows, self.dimension);
                let written = file
                    .seek(SeekFrom::Start(0))
                    .and_then(|_| file.write_all(&header));
                written.map_err(|source| FileError::new("cannot write", &path, source))?;
                Ok(AtomicFile::commit_both(paths, file)?)
            }
        }
    }
}

impl Parquet {
    fn create(destination: &Destination, origin: &Origin) -> Result<Self, FeatureError> {
        let path = destination.path();
        let list = DataType::FixedSizeList(item(), width(origin.dimension));
        let fields = vec![
            Field::new("path", DataType::Utf8, false),
            Field::new("sha256", DataType::Utf8, false),
            Field::new("features", list, false),
        ];
        let metadata = [
            ("hub.release".to_owned(), origin.release.to_string()),
            ("hub.statement".to_owned(), origin.statement.to_string()),
            ("hub.feature_space".to_owned(), origin.space.to_string()),
        ];
        let schema = Arc::new(Schema::new(fields).with_metadata(HashMap::from(metadata)));
        // Features are noise to a dictionary or a general compressor.
        let properties = WriterProperties::builder()
            .set_dictionary_enabled(false)
            .set_max_row_group_row_count(Some(GROUP_ROWS))
            .build();
        let file = AtomicFile::create_at(destination)?;
        let writer = ArrowWriter::try_new(file, Arc::clone(&schema), Some(properties)).map_err(
            |source| FeatureError::Parquet {
                path: path.to_owned(),
                source,
            },
        )?;
        Ok(Self {
            writer,
            schema,
            paths: Vec::new(),
            digests: Vec::new(),
            features: Vec::new(),
        })
    }

    fn push(
        &mut self,
        name: &str,
        digest: &Digest,
        features: &[f32],
        path: &Path,
    ) -> Result<(), FeatureError> {
        self.paths.push(name.to_owned());
        self.digests.push(digest.to_hex());
        self.features.extend_from_slice(features);
        if self.paths.len() >= GROUP_ROWS {
            self.write_group(path)
        } else {
            Ok(())
        }
    }

    fn write_group(&mut self, path: &Path) -> Result<(), FeatureError> {
        let rows = self.paths.len();
        if rows == 0 {
            return Ok(());
        }
        let error = |source: ParquetError| FeatureError::Parquet {
            path: path.to_owned(),
            source,
        };
        let dimension = self.features.len() / rows;
        let values = Arc::new(Float32Array::from(std::mem::take(&mut self.features)));
        let columns = || -> Result<RecordBatch, ArrowError> {
            let features = FixedSizeListArray::try_new(item(), width(dimension), values, None)?;
            let columns: Vec<ArrayRef> = vec![
                Arc::new(StringArray::from(std::mem::take(&mut self.paths))),
                Arc::new(StringArray::from(std::mem::take(&mut self.digests))),
                Arc::new(features),
            ];
            RecordBatch::try_new(Arc::clone(&self.schema), columns)
        };
        let batch = columns().map_err(|source| error(source.into()))?;
        self.writer
            .write(&batch)
            .and_then(|()| self.writer.flush())
            .map_err(error)
    }
}

fn item() -> Arc<Field> {
    Arc::new(Field::new("item", DataType::Float32, false))
}

fn width(dimension: usize) -> i32 {
    i32::try_from(dimension).unwrap_or(i32::MAX)
}

/// The header of NumPy format 1.0: magic, version, length, a Python dictionary, spaces, a line feed.
fn npy_header(rows: usize, dimension: usize) -> Vec<u8> {
    let text =
        format!("{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {dimension}), }}");
    let mut header = b"\x93NUMPY\x01\x00".to_vec();
    header.extend_from_slice(&(NPY_HEADER_BYTES - 10).to_le_bytes());
    header.extend_from_slice(text.as_bytes());
    header.resize(usize::from(NPY_HEADER_BYTES) - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;
    use crate::files::Existing;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;

    fn origin() -> Origin {
        Origin {
            release: "dots@1.0.0".parse().unwrap(),
            statement: Digest::of(b"statement"),
            space: "dots@1".parse().unwrap(),
            dimension: 2,
        }
    }

    fn create(path: &Path) -> Result<FeatureWriter, FeatureError> {
        FeatureWriter::create(&Destination::new(path, Existing::Keep)?, &origin())
    }

    fn write(path: &Path, rows: usize) {
        let mut writer = create(path).unwrap();
        for row in 0..rows {
            writer
                .push(
                    &format!("{row}.png"),
                    &Digest::of(b"image"),
                    &[row as f32, 0.5],
                )
                .unwrap();
        }
        assert!(!path.exists(), "nothing is visible before it is complete");
        writer.finish().unwrap();
    }

    #[test]
    fn parquet_holds_rows_and_origin() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.parquet");
        write(&path, GROUP_ROWS + 3);
        let builder =
            ParquetRecordBatchReaderBuilder::try_new(std::fs::File::open(&path).unwrap()).unwrap();
        assert_eq!(builder.schema().metadata()["hub.feature_space"], "dots@1");
        let batches: Vec<RecordBatch> = builder.build().unwrap().collect::<Result<_, _>>().unwrap();
        assert_eq!(
            batches.iter().map(RecordBatch::num_rows).sum::<usize>(),
            GROUP_ROWS + 3
        );
    }

    #[test]
    fn npy_holds_the_shape_and_the_numbers() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("f.npy");
        write(&path, 3);
        let bytes = std::fs::read(&path).unwrap();
        let start = usize::from(NPY_HEADER_BYTES);
        assert!(String::from_utf8_lossy(&bytes[..start]).contains("'shape': (3, 2)"));
        assert_eq!(bytes.len(), start + 3 * 2 * 4);
        assert_eq!(bytes[start + 8..start + 12], 1.0_f32.to_le_bytes());
        let paths = std::fs::read_to_string(folder.path().join("f.paths.txt")).unwrap();
        assert_eq!(paths.lines().count(), 3);
        // Another's list of paths is no less a file of the user than features are.
        std::fs::remove_file(&path).unwrap();
        let FeatureError::File(kept) = create(&path).unwrap_err() else {
            panic!("it would be written over");
        };
        assert!(kept.is_taken() && kept.path().ends_with("f.paths.txt"));
    }

    #[test]
    fn a_name_that_breaks_a_line_puts_no_path_beside_anothers_features() {
        let folder = tempfile::tempdir().unwrap();
        let push = |file: &str| {
            let mut writer = create(&folder.path().join(file)).unwrap();
            writer.push("a\nb.png", &Digest::of(b"image"), &[0.0, 1.0])
        };
        assert!(matches!(
            push("f.npy"),
            Err(FeatureError::BrokenLine { .. })
        ));
        push("f.parquet").unwrap();
    }

    #[test]
    fn other_formats_and_lengths_are_refused() {
        let folder = tempfile::tempdir().unwrap();
        assert!(matches!(
            create(&folder.path().join("f.csv")),
            Err(FeatureError::Format { .. })
        ));
        let mut writer = create(&folder.path().join("f.npy")).unwrap();
        assert!(matches!(
            writer.push("x", &Digest::of(b""), &[1.0]),
            Err(FeatureError::Width { .. })
        ));
        drop(writer);
        assert_eq!(
            std::fs::read_dir(folder.path()).unwrap().count(),
            0,
            "an abandoned file leaves nothing"
        );
    }
}
