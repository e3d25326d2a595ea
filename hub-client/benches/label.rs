//! How long a label takes to be learnt from, with a folder of many images whose features are known.
//!
//! `cargo bench -p hub-client --bench label -- [IMAGES [DIMENSION]]`, 10,000 and 1280 when absent. Makes a
//! folder of tiny files and a cache of features for them, serves the page in this process, and asks it over
//! the loopback as a browser does. Prints the time until the first state, until all features are there, the
//! median of label to new state and columns with twenty labels, and the memory beyond the features, as JSON.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    reason = "a benchmark"
)]

mod page;

use std::time::{Duration, Instant};

use serde_json::json;

use self::page::{Page, origin, prepare};

/// Labels that are set, half of each class.
const LABELS: usize = 20;

fn main() {
    let mut numbers = std::env::args()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let mut number = |otherwise: usize| {
        numbers
            .next()
            .map_or(otherwise, |text| text.parse().unwrap())
    };
    let (images, dimension) = (number(10_000), number(1280));
    let folder = tempfile::tempdir().unwrap();
    let origin = origin(dimension);
    prepare(folder.path(), &origin, vectors(images, dimension));

    let began = Instant::now();
    let page = Page::serve(folder.path(), origin);
    let usable = began.elapsed();
    page.until(|state| state["images"]["embedded"].as_u64() == Some(images as u64));
    let loaded = began.elapsed();
    let mut times = Vec::new();
    for label in 0..LABELS {
        let class = ["even", "odd"][label % 2];
        let image = label * (images / LABELS) / 2 * 2 + label % 2;
        let started = Instant::now();
        let state = page.label(image, class, false);
        let columns = page.get("/api/columns");
        times.push(started.elapsed());
        assert_eq!(columns.len(), 16 + 30 * images);
        assert_eq!(state["labels"], json!(label + 1));
    }
    page.until(|state| state["done"]["map"] == true);
    times.sort_unstable();
    let milliseconds = |time: Duration| (time.as_secs_f64() * 1e4).round() / 10.0;
    println!(
        "{}",
        json!({
            "images": images,
            "dimension": dimension,
            "usable_ms": milliseconds(usable),
            "loaded_ms": milliseconds(loaded),
            "label_median_ms": milliseconds(times[LABELS / 2]),
            "label_worst_ms": milliseconds(times[LABELS - 1]),
            "looked_ms": milliseconds(began.elapsed()),
            "beyond_features_mib": resident_mib() - (images * dimension * 4) as f64 / f64::from(1 << 20),
        })
    );
}

/// Two heaps that overlap.
fn vectors(images: usize, dimension: usize) -> impl Iterator<Item = Vec<f32>> {
    let mut random = 1_u64;
    (0..images).map(move |image| {
        let shift = if image % 2 == 0 { 0.3 } else { -0.3 };
        let next = |place: usize| {
            random = random
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            let share = (random >> 40) as f32 / (1 << 24) as f32;
            share + if place < 40 { shift } else { 0.0 }
        };
        (0..dimension).map(next).collect()
    })
}

/// Memory of this process, where the system tells.
fn resident_mib() -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or_default() / 1024.0
}
