//! What members make: folders of extractors, and pictures.

use std::path::{Path, PathBuf};

use image::{Rgb, RgbImage};

use super::World;

impl World {
    /// An author's folder for an extractor whose graph is one of the fixtures, checked by `hub check`.
    pub(crate) fn author(&self, name: &str, version: &str, graph: &str, dimension: u32) -> PathBuf {
        let folder = self.draft(name, version, graph, dimension);
        self.hub("alpha", &["check", folder.to_str().unwrap()]).ok();
        folder
    }

    /// The same, not checked yet.
    pub(crate) fn draft(&self, name: &str, version: &str, graph: &str, dimension: u32) -> PathBuf {
        let folder = self
            .folder
            .path()
            .join("drafts")
            .join(format!("{}-{version}-{graph}", name.replace('/', "-")));
        std::fs::create_dir_all(folder.join("probes")).unwrap();
        std::fs::write(
            folder.join("extractor.toml"),
            manifest(name, version, dimension),
        )
        .unwrap();
        std::fs::write(
            folder.join("README.md"),
            format!("# {name}\n\nChannel means of tiny pictures.\n"),
        )
        .unwrap();
        std::fs::copy(fixture(graph), folder.join("model.onnx")).unwrap();
        for (index, colour) in [[200, 30, 40], [20, 180, 60], [90, 90, 220], [250, 240, 230]]
            .into_iter()
            .enumerate()
        {
            picture(12, colour, index as u32)
                .save(folder.join(format!("probes/p{index}.png")))
                .unwrap();
        }
        folder
    }

    /// Publishes and expects it to work.
    pub(crate) fn publish(&self, folder: &Path) {
        self.hub("alpha", &["publish", folder.to_str().unwrap()])
            .ok();
    }

    /// A folder of pictures, one class a folder, that channel means tell apart.
    pub(crate) fn pictures(&self, member: &str, classes: &[(&str, [u8; 3])], each: u32) -> PathBuf {
        let folder = self.project(member).join("pictures");
        for (class, colour) in classes {
            std::fs::create_dir_all(folder.join(class)).unwrap();
            for index in 0..each {
                picture(16, *colour, index)
                    .save(folder.join(class).join(format!("{index:03}.png")))
                    .unwrap();
            }
        }
        folder
    }
}

/// A manifest for the fixtures' graphs: 8×8 pictures in, channel means out.
pub(crate) fn manifest(name: &str, version: &str, dimension: u32) -> String {
    format!(
        r#"name = "{name}"
version = "{version}"
summary = "Channel means of tiny pictures"
license = "MIT"
domain = "tests"
tags = ["tiny"]

[input]
tensor = "input"
width = 8
height = 8
normalize = {{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }}

[output]
tensor = "features"
dimension = {dimension}
"#
    )
}

pub(crate) fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/onnx")
        .join(format!("{name}.onnx"))
}

/// A picture of one colour with a pattern that differs by seed.
/// Waves come back after 31 seeds; the dots in the corner do not.
pub(crate) fn picture(side: u32, colour: [u8; 3], seed: u32) -> RgbImage {
    RgbImage::from_fn(side, side, |x, y| {
        let is_dot = y == 0 && x < 16 && (seed / 31) >> x & 1 == 1;
        let wave = (x * 7 + y * 13 + seed * 29) % 31 + u32::from(is_dot);
        Rgb(colour.map(|channel| channel.saturating_sub(wave as u8)))
    })
}
