//! `hub new`: a folder to start from, and preprocessing taken from the usual JSON.

use std::path::{Path, PathBuf};

use registry_schema::manifest::{Manifest, ManifestError};
use registry_schema::name::Name;
use registry_schema::preprocess::{Color, Filter, Input, Normalize, Resize, ResizeMode, Rounding};
use serde::Deserialize;

use super::folder::MANIFEST_FILE;
use crate::files::{self, FileError};

const TEMPLATE: &str = include_str!("template/extractor.toml");
const CARD: &str = include_str!("template/README.md");

/// Makes a new author's folder for an extractor of this name; `input` replaces the template's
/// preprocessing. A folder that has a manifest is left alone.
///
/// # Errors
/// [`ScaffoldError`].
pub fn scaffold(root: &Path, name: &Name, input: Option<Input>) -> Result<PathBuf, ScaffoldError> {
    let mut text = TEMPLATE.replace("@NAME@", &name.to_string());
    if let Some(input) = input {
        let mut manifest = Manifest::from_toml(&text)?;
        manifest.input = input;
        manifest.validate()?;
        text = manifest.to_toml()?;
    }
    let path = root.join(MANIFEST_FILE);
    files::write_new(&path, text.as_bytes())?;
    let card = root.join("README.md");
    if !card.exists() {
        files::write_new(&card, CARD.replace("@NAME@", &name.to_string()).as_bytes())?;
    }
    files::create_private_dir(&root.join("probes"))?;
    Ok(path)
}

/// Reads the preprocessing that common model libraries write into `preprocessor_config.json`.
/// What that format leaves open takes our defaults: antialiased Pillow filters, EXIF orientation
/// applied, alpha over white, sizes rounded down.
///
/// # Errors
/// [`ScaffoldError::Config`] names the field that is missing or has no counterpart.
pub fn import_preprocessor_config(path: &Path) -> Result<Input, ScaffoldError> {
    let bytes = files::read_limited(path, 1 << 20)?;
    let error = |reason: String| ScaffoldError::Config {
        path: path.to_owned(),
        reason,
    };
    let config: PreprocessorConfig =
        serde_json::from_slice(&bytes).map_err(|source| error(source.to_string()))?;
    let input = config
        .into_input()
        .map_err(|reason| error(reason.to_owned()))?;
    input
        .validate()
        .map_err(|source| error(source.to_string()))?;
    Ok(input)
}

/// The fields of the usual JSON that say something about pixels; the rest is for other tasks.
#[derive(Deserialize)]
struct PreprocessorConfig {
    #[serde(default = "yes")]
    do_resize: bool,
    size: Option<Size>,
    #[serde(default = "bilinear")]
    resample: u8,
    #[serde(default)]
    do_center_crop: bool,
    crop_size: Option<Size>,
    #[serde(default = "yes")]
    do_rescale: bool,
    rescale_factor: Option<f64>,
    #[serde(default = "yes")]
    do_normalize: bool,
    image_mean: Option<Vec<f64>>,
    image_std: Option<Vec<f64>>,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(untagged)]
enum Size {
    Number(u32),
    Shortest { shortest_edge: u32 },
    Sides { width: u32, height: u32 },
}

fn yes() -> bool {
    true
}

/// Pillow's number of the bilinear filter, those libraries' default.
fn bilinear() -> u8 {
    2
}

impl PreprocessorConfig {
    fn into_input(self) -> Result<Input, &'static str> {
        let filter = match self.resample {
            0 => Filter::Nearest,
            1 => Filter::Lanczos,
            2 => Filter::Bilinear,
            3 => Filter::Bicubic,
            4 => Filter::Box,
            5 => Filter::Hamming,
            _ => return Err("`resample` is none of Pillow's filters (0 to 5)"),
        };
        if !self.do_resize {
            return Err("`do_resize` is false: write the [input] section by hand");
        }
        let size = self.size.ok_or("`size` is missing")?;
        let crop = self.crop_size.filter(|_| self.do_center_crop);
        let (mode, shortest, (width, height)) = match (size, crop) {
            (Size::Sides { width, height }, None) => (ResizeMode::Exact, None, (width, height)),
            (Size::Number(side), None) => (ResizeMode::Exact, None, (side, side)),
            (
                Size::Shortest {
                    shortest_edge: side,
                },
                None,
            ) => (ResizeMode::Shortest, None, (side, side)),
            (
                Size::Number(side)
                | Size::Shortest {
                    shortest_edge: side,
                },
                Some(crop),
            ) => (ResizeMode::Shortest, Some(side), crop.sides()?),
            (Size::Sides { .. }, Some(_)) => {
                return Err("`size` with width and height and a crop has no counterpart");
            }
        };
        let scale = if self.do_rescale {
            self.rescale_factor.unwrap_or(1.0 / 255.0)
        } else {
            1.0
        };
        let (mean, std) = if self.do_normalize {
            (
                self.image_mean.ok_or("`image_mean` is missing")?,
                self.image_std.ok_or("`image_std` is missing")?,
            )
        } else {
            (vec![0.0; 3], vec![1.0; 3])
        };
        Ok(Input {
            tensor: "pixel_values".to_owned(),
            width,
            height,
            layout: Default::default(),
            color: if mean.len() == 1 {
                Color::Gray
            } else {
                Color::Rgb
            },
            exif_orientation: true,
            alpha: Default::default(),
            resize: Resize {
                mode,
                size: shortest,
                filter,
                rounding: Rounding::Floor,
                pad: Default::default(),
            },
            normalize: Normalize { scale, mean, std },
        })
    }
}

impl Size {
    fn sides(self) -> Result<(u32, u32), &'static str> {
        match self {
            Self::Number(side) => Ok((side, side)),
            Self::Sides { width, height } => Ok((width, height)),
            Self::Shortest { .. } => Err("`crop_size` needs width and height"),
        }
    }
}

/// A folder cannot be started.
#[derive(Debug, thiserror::Error)]
pub enum ScaffoldError {
    /// The preprocessing JSON.
    #[error("`{}` cannot be imported: {reason}", path.display())]
    Config {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The manifest.
    #[error(transparent)]
    Manifest(#[from] ManifestError),
    /// A file.
    #[error(transparent)]
    File(#[from] FileError),
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use super::*;

    fn import(json: &str) -> Result<Input, ScaffoldError> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("preprocessor_config.json");
        std::fs::write(&path, json).unwrap();
        import_preprocessor_config(&path)
    }

    #[test]
    fn a_new_folder_holds_a_manifest_that_parses() {
        let folder = tempfile::tempdir().unwrap();
        let name: Name = "acme/dots".parse().unwrap();
        let path = scaffold(folder.path(), &name, None).unwrap();
        let manifest = Manifest::from_toml(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(manifest.name, name);
        assert!(
            scaffold(folder.path(), &name, None).is_err(),
            "an author's file is never replaced"
        );
    }

    #[test]
    fn the_usual_json_is_understood() {
        let clip = r#"{"crop_size":{"height":224,"width":224},"do_center_crop":true,"do_normalize":true,
            "do_resize":true,"image_mean":[0.48,0.46,0.41],"image_std":[0.27,0.26,0.28],"resample":3,
            "size":{"shortest_edge":224},"feature_extractor_type":"X"}"#;
        let input = import(clip).unwrap();
        assert_eq!(
            (input.resize.mode, input.resize.size, input.resize.filter),
            (ResizeMode::Shortest, Some(224), Filter::Bicubic)
        );
        let vit = r#"{"do_resize":true,"size":224,"resample":2,"image_mean":[0.5,0.5,0.5],"image_std":[0.5,0.5,0.5]}"#;
        assert_eq!(import(vit).unwrap().resize.mode, ResizeMode::Exact);
        for (json, word) in [
            ("{", "imported"),
            ("{}", "size"),
            (r#"{"size":224,"resample":9}"#, "resample"),
            (r#"{"size":224}"#, "image_mean"),
        ] {
            let message = import(json).unwrap_err().to_string();
            assert!(message.contains(word), "{message}");
        }
        let folder = tempfile::tempdir().unwrap();
        scaffold(folder.path(), &"dots".parse().unwrap(), Some(input)).unwrap();
    }
}
