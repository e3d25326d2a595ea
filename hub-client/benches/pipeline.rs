//! Where the time of an embedding goes, and how much of the cores the pipeline uses.
//!
//! `cargo bench -p hub-client --bench pipeline -- GRAPH.onnx IMAGES_FOLDER`, with a graph that takes
//! 224×224 RGB pictures squashed by a bicubic kernel and `ORT_DYLIB_PATH` set. The times
//! of one thread are measured alone; the ceiling is cores / (decode + prepare + infer).
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};

use hub_client::runtime::decode::{DecodeLimits, Picture};
use hub_client::runtime::pipeline::Pictures;
use hub_client::runtime::preprocess::Preprocessor;
use hub_client::runtime::{
    Extractor, ExtractorFiles, ExtractorSpec, RuntimeError, RuntimeOptions, pipeline,
};
use serde_json::json;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (Some(graph), Some(folder)) = (arguments.next(), arguments.next()) else {
        println!("usage: cargo bench -p hub-client --bench pipeline -- GRAPH.onnx IMAGES_FOLDER");
        return Ok(());
    };
    let entries = std::fs::read_dir(folder)?.collect::<Result<Vec<_>, _>>()?;
    let mut paths: Vec<PathBuf> = entries.into_iter().map(|entry| entry.path()).collect();
    paths.sort();
    let third = 1.0 / 3.0;
    let input = json!({
        "tensor": "input", "width": 224, "height": 224, "resize": {"filter": "bicubic"},
        "normalize": {"mean": [third, third, third], "std": [third, third, third]},
    });
    let output = json!({"tensor": "features", "dimension": 1280});
    let spec = ExtractorSpec {
        input: serde_json::from_value(input)?,
        output: serde_json::from_value(output)?,
    };
    let files = ExtractorFiles {
        graph: graph.into(),
        spec,
    };
    let open = |threads| {
        let options = RuntimeOptions {
            threads: NonZeroUsize::new(threads),
            ..Default::default()
        };
        Extractor::open(files.clone(), options)
    };

    let (decode, prepare, pictures) = prepare_all(&files, &paths)?;
    let mut one = open(1)?;
    let pictures = &pictures[..pictures.len().min(32)];
    one.embed(pictures)?;
    let start = Instant::now();
    one.embed(pictures)?;
    let whole = start.elapsed() / u32::try_from(pictures.len())?;
    let again = prepare_again(&files, pictures)?;
    let infer = whole.saturating_sub(again);
    println!("decode {decode:.2?}, prepare {prepare:.2?}, infer {infer:.2?} a picture, one thread");

    let cores = std::thread::available_parallelism()?.get();
    let each = (decode + prepare + infer).as_secs_f64();
    for threads in [1, cores] {
        let mut extractor = open(threads)?;
        let none = AtomicBool::new(false);
        let start = Instant::now();
        pipeline::run(
            &mut extractor,
            Pictures::Files(&paths),
            None,
            &none,
            |_, row| {
                row.map(drop)
                    .map_err(|source| RuntimeError::Picture { index: 0, source })
            },
        )?;
        let rate = paths.len() as f64 / start.elapsed().as_secs_f64();
        let ceiling = threads as f64 / each;
        let share = 100.0 * rate / ceiling;
        println!("{threads} threads: {rate:.1} pictures/s, {share:.0} % of {ceiling:.1}");
    }
    Ok(())
}

type Prepared = (Duration, Duration, Vec<Picture>);

/// Mean times of reading and decoding, and of preparing; with the first pictures.
fn prepare_all(
    files: &ExtractorFiles,
    paths: &[PathBuf],
) -> Result<Prepared, Box<dyn std::error::Error>> {
    let mut preprocessor = Preprocessor::new(files.spec.input.clone());
    let mut tensor = vec![0.0; preprocessor.sample_length()];
    let (mut decode, mut prepare) = (Duration::ZERO, Duration::ZERO);
    let mut picture = Picture::default();
    let mut kept = Vec::new();
    for path in paths {
        let start = Instant::now();
        let bytes = std::fs::read(path)?;
        picture.decode_into(
            &bytes,
            &path.display().to_string(),
            &DecodeLimits::default(),
        )?;
        decode += start.elapsed();
        let start = Instant::now();
        preprocessor.prepare(&picture, &mut tensor)?;
        prepare += start.elapsed();
        if kept.len() < 32 {
            kept.push(picture.clone());
        }
    }
    let count = u32::try_from(paths.len().max(1))?;
    Ok((decode / count, prepare / count, kept))
}

fn prepare_again(
    files: &ExtractorFiles,
    pictures: &[Picture],
) -> Result<Duration, Box<dyn std::error::Error>> {
    let mut preprocessor = Preprocessor::new(files.spec.input.clone());
    let mut tensor = vec![0.0; preprocessor.sample_length()];
    let start = Instant::now();
    for picture in pictures {
        preprocessor.prepare(picture, &mut tensor)?;
    }
    Ok(start.elapsed() / u32::try_from(pictures.len().max(1))?)
}
