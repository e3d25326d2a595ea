//! `hub extractor`: from a network to a release that others pull, and from releases to others.

mod combining;
mod cutting;
mod network;
mod reducing;
mod variants;

use std::path::{Path, PathBuf};

use registry_schema::manifest::Manifest;

use super::world::{Run, World};

/// Pictures of all kinds of colours, in beta's project.
fn pictures(world: &World, each: u32) -> PathBuf {
    let colours = [
        ("red", [220, 40, 50]),
        ("green", [30, 190, 60]),
        ("blue", [40, 60, 210]),
        ("grey", [128, 128, 120]),
    ];
    world.pictures("beta", &colours, each)
}

fn manifest(folder: &Path) -> Manifest {
    Manifest::from_toml(&std::fs::read_to_string(folder.join("extractor.toml")).unwrap()).unwrap()
}

/// Runs `hub extractor` as a member.
fn forge(world: &World, member: &str, arguments: &[&str]) -> Run {
    world.hub(member, &[&["extractor"], arguments].concat())
}

/// Cuts `dots` out of a small classifier, in alpha's project, whose folder it gives.
fn cut_dots(world: &World, license: &str) -> PathBuf {
    cut_dots_of(world, &network::classifier(13), license)
}

/// The same out of another network with a value `pooled`.
fn cut_dots_of(world: &World, network: &network::Network, license: &str) -> PathBuf {
    let project = world.project("alpha");
    network.write(&project.join("network.onnx"), &["logits"]);
    let line = [
        "cut",
        "network.onnx",
        "--at",
        "pooled",
        "--name",
        "dots",
        "--license",
        license,
        "--normalize",
        "half",
    ];
    forge(world, "alpha", &line).ok();
    project
}

/// Features of a folder's pictures by an installed release, in the order of their names.
fn embedded(world: &World, reference: &str, pictures: &Path) -> Vec<Vec<f32>> {
    let line = [
        "embed",
        reference,
        pictures.to_str().unwrap(),
        "--no-cache",
        "-o",
        "features.npy",
        "--force",
    ];
    world.hub("beta", &line).ok();
    let bytes = std::fs::read(world.project("beta").join("features.npy")).unwrap();
    // https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html, version 1
    let header = 10 + usize::from(u16::from_le_bytes([bytes[8], bytes[9]]));
    let text = String::from_utf8_lossy(&bytes[10..header]).into_owned();
    let shape = text
        .split_once("'shape': (")
        .unwrap()
        .1
        .split_once(')')
        .unwrap()
        .0
        .to_owned();
    let columns: usize = shape.split(',').nth(1).unwrap().trim().parse().unwrap();
    let values: Vec<f32> = bytes[header..]
        .as_chunks::<4>()
        .0
        .iter()
        .map(|&one| f32::from_le_bytes(one))
        .collect();
    values.chunks(columns).map(<[f32]>::to_vec).collect()
}

/// The files of those pictures, in the same order.
fn files(pictures: &Path) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = super::world::files_below(pictures)
        .into_iter()
        .map(|file| file.0)
        .collect();
    files.sort();
    files
}

#[track_caller]
fn assert_near(found: &[f32], expected: &[f32], tolerance: f32) {
    assert_eq!(found.len(), expected.len());
    let largest = expected
        .iter()
        .fold(0.0_f32, |most, value| most.max(value.abs()));
    assert!(largest > 0.0, "nothing to compare with");
    for (place, (one, other)) in found.iter().zip(expected).enumerate() {
        assert!(
            (one - other).abs() <= tolerance * largest,
            "{place}: {one} is not {other}"
        );
    }
}
