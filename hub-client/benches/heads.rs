//! How long heads take, for `examples/bench/heads_figures.py` to set beside scikit-learn.
//!
//! `cargo bench -p hub-client --bench heads -- logistic FEATURES.npy CLASSES.npy C TOLERANCE`: a fit of the solver.
//! `… -- train FEATURES.npy CLASSES.npy`: `Head::train` as `hub train` calls it.
//! `… -- draws FEATURES.npy CLASSES.npy DRAWS.npy`: a head for each draw, a row of labelled images; it is
//! asked about every other image of their classes: which answers are right, how sure they are, and what the
//! head itself states.
//!
//! `… -- memory IMAGES DIMENSIONS`: the most memory of a training on features that are made here, all images
//! labelled.
//!
//! Files of NumPy's format 1.0 in C order: features f32, classes and draws i32. Prints JSON.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod npy;

use std::error::Error;
use std::ffi::OsString;
use std::time::Instant;

use hub_client::head::solver::{Design, Request};
use hub_client::head::{Examples, ExtractorRelease, Head, HeadIdentity, TrainingOptions};
use jiff::Timestamp;
use ndarray::{Array2, ArrayView2, Axis};
use registry_schema::digest::Digest;
use serde_json::{Value, json};

type Failure = Box<dyn Error>;

/// Each fit is timed so often, and the median told.
const TIMES: usize = 5;

fn main() -> Result<(), Failure> {
    let arguments: Vec<OsString> = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    if let [what, images, dimensions] = arguments.as_slice()
        && what == "memory"
    {
        let [images, dimensions] = [images, dimensions].map(|text| text.to_string_lossy().parse());
        println!("{}", memory(images?, dimensions?)?);
        return Ok(());
    }
    let [what, features, classes, rest @ ..] = arguments.as_slice() else {
        println!("usage: heads logistic|train|draws FEATURES.npy CLASSES.npy [C|DRAWS.npy]");
        println!("       heads memory IMAGES DIMENSIONS");
        return Ok(());
    };
    let (features, classes) = (
        npy::floats(features.as_ref())?,
        npy::indices(classes.as_ref())?,
    );
    let classes: Vec<usize> = classes.iter().copied().collect();
    let answer = match (what.to_str(), rest) {
        (Some("logistic"), [c, tolerance]) => {
            let [c, tolerance] = [c, tolerance].map(|text| text.to_string_lossy().parse());
            logistic(&features, &classes, c?, tolerance?)
        }
        (Some("train"), []) => train(&features, &classes)?,
        (Some("draws"), [draws]) => {
            few_labels(&features, &classes, &npy::indices(draws.as_ref())?)?
        }
        _ => return Err("see the usage".into()),
    };
    println!("{answer}");
    Ok(())
}

/// The whole of a fit, from features to coefficients.
fn logistic(features: &Array2<f32>, targets: &[usize], c: f64, tolerance: f64) -> Value {
    let classes = targets.iter().max().map_or(0, |last| last + 1);
    let mut found = json!(null);
    let seconds = median(|| {
        let features = features.clone();
        let start = Instant::now();
        let mut design = Design::new(features);
        let fit = design.fit(&Request {
            tolerance,
            ..Request::new(targets, classes, c)
        });
        let coefficients = design.coefficients(&fit);
        let seconds = start.elapsed().as_secs_f64();
        std::hint::black_box(coefficients);
        found = json!({"objective": fit.objective, "iterations": fit.iterations, "converged": fit.converged});
        seconds
    });
    found["seconds"] = json!(seconds);
    found
}

/// Training with the choice of the penalty, held-out figures, and all else that `hub train` writes down.
fn train(features: &Array2<f32>, targets: &[usize]) -> Result<Value, Failure> {
    let sample = Sample::new(features.view(), targets);
    let mut head = sample.train()?;
    let seconds = median(|| {
        let start = Instant::now();
        if let Ok(again) = sample.train() {
            head = again;
        }
        start.elapsed().as_secs_f64()
    });
    Ok(json!({"seconds": seconds, "images": head.training().images}))
}

/// A training on noise in which every tenth dimension tells the two classes apart a little.
fn memory(images: usize, dimensions: usize) -> Result<Value, Failure> {
    let targets: Vec<usize> = (0..images).map(|row| row % 2).collect();
    let mut state = 1_u64;
    let features = Array2::from_shape_fn((images, dimensions), |(row, column)| {
        // Marsaglia's xorshift: any noise will do.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let noise = f32::from(u16::try_from(state >> 48).unwrap_or(0)) / 65_536.0;
        let shift = if column % 10 == 0 && row % 2 == 1 {
            0.05
        } else {
            0.0
        };
        noise + shift
    });
    let start = Instant::now();
    let head = Sample::new(features.view(), &targets).train()?;
    Ok(json!({
        "seconds": start.elapsed().as_secs_f64(),
        "images": head.training().images,
        "features_bytes": 4 * images * dimensions,
        "peak_bytes": peak_bytes()?,
    }))
}

/// The most memory this process has had, as Linux counts it.
fn peak_bytes() -> Result<u64, Failure> {
    let status = std::fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next());
    Ok(1024 * kibibytes.ok_or("no VmHWM")?.parse::<u64>()?)
}

/// One head for each draw, asked about every other image of its classes.
fn few_labels(
    features: &Array2<f32>,
    targets: &[usize],
    draws: &Array2<usize>,
) -> Result<Value, Failure> {
    let mut rows = Vec::new();
    for draw in draws.rows() {
        let shown: Vec<usize> = draw.iter().copied().collect();
        let mut kinds: Vec<usize> = shown.iter().map(|&row| targets[row]).collect();
        kinds.sort_unstable();
        kinds.dedup();
        let class_of = |row: usize| kinds.iter().position(|&kind| kind == targets[row]);
        let of_shown: Vec<usize> = shown.iter().filter_map(|&row| class_of(row)).collect();
        let head = Sample::new(features.select(Axis(0), &shown).view(), &of_shown).train()?;
        let asked: Vec<usize> = (0..targets.len())
            .filter(|row| class_of(*row).is_some() && !shown.contains(row))
            .collect();
        let answers = head.predict(features.select(Axis(0), &asked).view(), &head.space())?;
        let (mut right, mut confidence) = (Vec::new(), Vec::new());
        for (at, &row) in asked.iter().enumerate() {
            let best = answers.best(at);
            confidence.push(best.probability);
            right.push(class_of(row).is_some_and(|class| best.index == class));
        }
        let stated = head.training().held_out.as_ref();
        rows.push(json!({
            "right": right,
            "confidence": confidence,
            "stated": stated.map(|stated| stated.accuracy),
            "from": stated.map(|stated| stated.accuracy_interval.low),
            "to": stated.map(|stated| stated.accuracy_interval.high),
        }));
    }
    Ok(json!(rows))
}

/// What a head learns from.
struct Sample<'a> {
    features: ArrayView2<'a, f32>,
    images: Vec<Digest>,
    targets: &'a [usize],
    classes: Vec<String>,
}

impl<'a> Sample<'a> {
    fn new(features: ArrayView2<'a, f32>, targets: &'a [usize]) -> Self {
        let digest = |row: usize| Digest::of(&row.to_le_bytes());
        let classes = targets.iter().max().map_or(0, |last| last + 1);
        Self {
            features,
            images: (0..targets.len()).map(digest).collect(),
            targets,
            classes: (0..classes).map(|class| format!("class-{class}")).collect(),
        }
    }

    fn train(&self) -> Result<Head, Failure> {
        let identity = HeadIdentity {
            name: "bench".parse()?,
            created_at: Timestamp::UNIX_EPOCH,
            extractor: ExtractorRelease {
                name: "bench/extractor".parse()?,
                version: "1.0.0".parse()?,
                digest: Digest::of(b"bench"),
            },
        };
        let examples = Examples {
            features: self.features,
            images: &self.images,
            labels: self.targets,
            classes: &self.classes,
        };
        Ok(Head::train(
            identity,
            &examples,
            &TrainingOptions::default(),
        )?)
    }
}

fn median(mut once: impl FnMut() -> f64) -> f64 {
    let mut seconds: Vec<f64> = (0..TIMES).map(|_| once()).collect();
    seconds.sort_by(f64::total_cmp);
    seconds[TIMES / 2]
}
