//! Finding and loading the ONNX Runtime library.
//!
//! The library is not part of the program: it is looked for in `ORT_DYLIB_PATH`, then in
//! `$HUB_HOME/runtime/`, then by the system's loader. It is loaded once for the whole process; a
//! process cannot change its mind about which.

use std::path::{Path, PathBuf};
use std::sync::Mutex;

use ort::environment::Environment;
use ort::logging::LogLevel;

/// The release of ONNX Runtime the client is tested with.
pub const TESTED_VERSION: &str = "1.32.0";

/// Environment variable that names the library file.
pub const PATH_VARIABLE: &str = "ORT_DYLIB_PATH";

/// The loaded library. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Library {
    pub(super) environment: Environment,
    path: PathBuf,
}

impl Library {
    /// Loads the library, or hands out the one that is loaded already.
    ///
    /// `located` is what [`Library::locate`] found earlier; without it the library is looked for. `home` is
    /// `HUB_HOME`; without it `$HUB_HOME/runtime/` is left out.
    ///
    /// # Errors
    /// [`LibraryError`] says where was looked and how to get the library.
    pub fn load(located: Option<&Path>, home: Option<&Path>) -> Result<Self, LibraryError> {
        let mut loaded = LOADED
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(library) = loaded.as_ref() {
            return Ok(library.clone());
        }
        let found = match located {
            Some(path) => Some(path.to_owned()),
            None => Self::locate(home)?,
        };
        let library = match found {
            Some(path) => Self::load_file(&path)?,
            None => Self::load_from_system(home)?,
        };
        *loaded = Some(library.clone());
        Ok(library)
    }

    /// Where the library would be loaded from; `None` when that is for the system's loader to say.
    ///
    /// # Errors
    /// [`LibraryError::NoSuchFile`].
    pub fn locate(home: Option<&Path>) -> Result<Option<PathBuf>, LibraryError> {
        if let Some(path) = std::env::var_os(PATH_VARIABLE).filter(|path| !path.is_empty()) {
            let path = PathBuf::from(path);
            if !path.is_file() {
                return Err(LibraryError::NoSuchFile { path });
            }
            return Ok(Some(path));
        }
        Ok(newest_in(&runtime_folder(home)))
    }

    /// The file (or, from the system's loader, the name) it was loaded from.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// What the library says about its own build.
    pub fn build_info(&self) -> &'static str {
        ort::info()
    }

    fn load_file(path: &Path) -> Result<Self, LibraryError> {
        let wrong = |reason: String| LibraryError::Unusable {
            path: path.to_owned(),
            reason,
        };
        // A relative path would be looked for beside the program, not in the current folder.
        let absolute = std::path::absolute(path).map_err(|error| wrong(error.to_string()))?;
        Self::initialise(&absolute).map_err(wrong)
    }

    fn load_from_system(home: Option<&Path>) -> Result<Self, LibraryError> {
        for name in SYSTEM_NAMES {
            match Self::initialise(Path::new(name)) {
                Ok(library) => return Ok(library),
                // There, but not usable: say so instead of "not found".
                Err(reason) if reason.contains("compatible") => {
                    return Err(LibraryError::Unusable {
                        path: name.into(),
                        reason,
                    });
                }
                Err(_) => {}
            }
        }
        Err(LibraryError::Missing {
            folder: runtime_folder(home),
        })
    }

    fn initialise(path: &Path) -> Result<Self, String> {
        let builder = ort::init_from(path).map_err(|error| error.to_string())?;
        let environment = builder
            .with_name("hub")
            .with_telemetry(false)
            .build()
            .map_err(|error| error.to_string())?;
        // What matters comes back as an error; the library's own lines would mix with ours.
        environment.set_log_level(LogLevel::Fatal);
        Ok(Self {
            environment,
            path: path.to_owned(),
        })
    }
}

static LOADED: Mutex<Option<Library>> = Mutex::new(None);

const SYSTEM_NAMES: [&str; 2] = if cfg!(target_os = "macos") {
    ["libonnxruntime.dylib", "libonnxruntime.1.dylib"]
} else if cfg!(windows) {
    ["onnxruntime.dll", "onnxruntime.dll"]
} else {
    ["libonnxruntime.so", "libonnxruntime.so.1"]
};

fn runtime_folder(home: Option<&Path>) -> PathBuf {
    home.map_or_else(|| "$HUB_HOME/runtime".into(), |home| home.join("runtime"))
}

/// The library of the highest version in `folder`, if there is one.
fn newest_in(folder: &Path) -> Option<PathBuf> {
    let stem = SYSTEM_NAMES[0].split('.').next()?;
    std::fs::read_dir(folder)
        .ok()?
        .filter_map(|entry| {
            let path = entry.ok()?.path();
            let name = path.file_name()?.to_str()?;
            // `libonnxruntime.so.1.32.0`, not `libonnxruntime_providers_shared.so`.
            let rest = name.strip_prefix(stem)?.strip_prefix('.')?;
            let numbers: Vec<u64> = rest
                .split('.')
                .filter_map(|part| part.parse().ok())
                .collect();
            path.is_file().then_some((numbers, path))
        })
        .max()
        .map(|(_, path)| path)
}

/// Why there is no ONNX Runtime.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LibraryError {
    /// Nowhere to be found.
    #[error(
        "the ONNX Runtime library was not found: {PATH_VARIABLE} is not set, {} holds none, the \
         system has none. {}", .folder.display(), how_to_get(.folder)
    )]
    Missing {
        /// Where it belongs.
        folder: PathBuf,
    },
    /// The variable names nothing.
    #[error("{PATH_VARIABLE} names {}, which is not a file: correct or unset it", .path.display())]
    NoSuchFile {
        /// What it names.
        path: PathBuf,
    },
    /// Not the library, or not one that fits.
    #[error(
        "{} cannot be used as the ONNX Runtime library: {reason}. {}",
        .path.display(), how_to_get(Path::new("$HUB_HOME/runtime"))
    )]
    Unusable {
        /// The file.
        path: PathBuf,
        /// Why.
        reason: String,
    },
}

fn how_to_get(folder: &Path) -> String {
    format!(
        "Get it with `pip download --no-deps onnxruntime=={TESTED_VERSION}`, unzip the wheel, and \
         copy onnxruntime/capi/libonnxruntime.so.{TESTED_VERSION} into {}",
        folder.display()
    )
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    #[test]
    fn the_newest_library_of_the_folder_is_taken() {
        let folder = tempfile::tempdir().unwrap();
        assert_eq!(newest_in(folder.path()), None);
        assert_eq!(newest_in(&folder.path().join("absent")), None);
        let names = [
            "libonnxruntime.so.1.9.0",
            "libonnxruntime.so.1.32.0",
            "libonnxruntime.so",
        ];
        for name in names
            .iter()
            .chain(&["libonnxruntime_providers_shared.so", "notes.txt"])
        {
            std::fs::write(folder.path().join(name), "").unwrap();
        }
        if cfg!(target_os = "linux") {
            assert_eq!(newest_in(folder.path()), Some(folder.path().join(names[1])));
        }
    }

    #[test]
    fn what_is_no_library_is_refused_and_the_error_says_what_to_do() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("libonnxruntime.so");
        std::fs::write(&path, "not a library").unwrap();
        let message = Library::load_file(&path).unwrap_err().to_string();
        assert!(
            message.contains("libonnxruntime.so") && message.contains("pip download"),
            "{message}"
        );
        let missing = LibraryError::Missing {
            folder: "/home/a/.hub/runtime".into(),
        }
        .to_string();
        assert!(
            missing.contains("/home/a/.hub/runtime") && missing.contains("1.32.0"),
            "{missing}"
        );
    }
}
