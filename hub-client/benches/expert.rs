//! How many labels an expert needs who labels what the page suggests, and one who labels by chance.
//!
//! `cargo bench -p hub-client --bench expert -- FEATURES.npy CLASSES.npy POOLS.npy LABELS`: for each run a row
//! of POOLS, the images that may be labelled in an order of chance; all others are held out. Serves the page
//! of `hub label` on the pool in this process, gives the first suggestion its true label, and so on. After
//! each label the head that `hub train` would make is asked about the held-out images. The other expert labels
//! the pool in its order. Prints the shares of right answers, run by run, as JSON.
//!
//! Files of NumPy's format 1.0 in C order: features f32, classes and pools i32.
#![allow(
    clippy::print_stdout,
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    dead_code,
    reason = "a benchmark"
)]

mod npy;
mod page;

use std::ffi::OsString;

use hub_client::head::{
    Examples, ExtractorRelease, HeadIdentity, Trained, TrainingSettings, unlabelled_sample,
};
use jiff::Timestamp;
use ndarray::{Array2, Axis};
use registry_schema::digest::Digest;
use serde_json::json;

use self::page::{Page, origin, prepare};

fn main() {
    let arguments: Vec<OsString> = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--bench")
        .collect();
    let [features, classes, pools, labels] = arguments.as_slice() else {
        println!("usage: expert FEATURES.npy CLASSES.npy POOLS.npy LABELS");
        return;
    };
    let features = npy::floats(features.as_ref()).unwrap();
    let classes = npy::indices(classes.as_ref()).unwrap();
    let pools = npy::indices(pools.as_ref()).unwrap();
    let labels: usize = labels.to_str().unwrap().parse().unwrap();
    let (mut suggested, mut random) = (Vec::new(), Vec::new());
    for pool in pools.rows() {
        let run = Run {
            features: &features,
            classes: classes.iter().copied().collect(),
            pool: pool.to_vec(),
        };
        suggested.push(run.curve(&run.follow(labels)));
        random.push(run.curve(&(0..labels).collect::<Vec<_>>()));
    }
    println!("{}", json!({"suggested": suggested, "random": random}));
}

struct Run<'a> {
    features: &'a Array2<f32>,
    classes: Vec<usize>,
    /// Rows that may be labelled.
    pool: Vec<usize>,
}

impl Run<'_> {
    /// The places in the pool that the page suggests, each labelled before the next one is asked for.
    fn follow(&self, labels: usize) -> Vec<usize> {
        let folder = tempfile::tempdir().unwrap();
        let origin = origin(self.features.ncols());
        let vectors = self.pool.iter().map(|&row| self.features.row(row).to_vec());
        prepare(folder.path(), &origin, vectors);
        let page = Page::serve(folder.path(), origin);
        let mut followed = Vec::new();
        while followed.len() < labels {
            let state = page.until(|state| {
                let done = &state["done"];
                let is_there = |list: &serde_json::Value| !list.as_array().unwrap().is_empty();
                done["images"] == true
                    && done["suggestions"] == true
                    && is_there(&state["suggestions"])
            });
            let first = &state["suggestions"][0];
            let place = first["image"].as_u64().unwrap() as usize;
            let class = self.classes[self.pool[place]];
            page.label(
                place,
                &format!("class {class}"),
                first["reason"] == "random",
            );
            followed.push(place);
        }
        followed
    }

    /// The share of held-out images that are answered rightly after each label.
    fn curve(&self, places: &[usize]) -> Vec<f64> {
        let is_in_pool = |row: &usize| self.pool.contains(row);
        let held_out: Vec<usize> = (0..self.features.nrows())
            .filter(|row| !is_in_pool(row))
            .collect();
        let asked = self.features.select(Axis(0), &held_out);
        let share = |labels: usize| {
            let answers = self.answers(&places[..labels], &asked);
            let right = answers.iter().zip(&held_out);
            let right = right.filter(|&(&answer, &row)| answer == self.classes[row]);
            right.count() as f64 / held_out.len() as f64
        };
        (1..=places.len()).map(share).collect()
    }

    /// What a head that has learnt from some of the pool answers; with labels of one class, that class.
    fn answers(&self, places: &[usize], asked: &Array2<f32>) -> Vec<usize> {
        let labelled: Vec<usize> = places.iter().map(|&place| self.pool[place]).collect();
        let class = |&row: &usize| self.classes[row];
        let mut known: Vec<usize> = labelled.iter().map(class).collect();
        known.sort_unstable();
        known.dedup();
        if let [only] = known[..] {
            return vec![only; asked.nrows()];
        }
        let mut others = self.pool.clone();
        others.retain(|row| !labelled.contains(row));
        let others: Vec<usize> = unlabelled_sample(others.len())
            .map(|place| others[place])
            .collect();
        let place = |row: &usize| known.partition_point(|&one| one < class(row));
        let features = self.features.select(Axis(0), &labelled);
        let examples = Examples {
            features: features.view(),
            images: &labelled
                .iter()
                .map(|row| Digest::of(&row.to_le_bytes()))
                .collect::<Vec<_>>(),
            labels: &labelled.iter().map(place).collect::<Vec<_>>(),
            classes: &known
                .iter()
                .map(|class| format!("class {class}"))
                .collect::<Vec<_>>(),
        };
        let identity = HeadIdentity {
            name: "expert".parse().unwrap(),
            created_at: Timestamp::UNIX_EPOCH,
            extractor: ExtractorRelease {
                name: "bench".parse().unwrap(),
                version: "1.0.0".parse().unwrap(),
                digest: Digest::of(b"bench"),
            },
        };
        let unlabelled = self.features.select(Axis(0), &others);
        let options = TrainingSettings::default().check().unwrap();
        let trained = Trained::among(identity, &examples, unlabelled.view(), &options).unwrap();
        let head = trained.head;
        let predictions = head.predict(asked.view(), &head.space()).unwrap();
        (0..asked.nrows())
            .map(|row| known[predictions.best(row).index])
            .collect()
    }
}
