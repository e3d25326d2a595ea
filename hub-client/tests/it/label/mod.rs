//! The labelling page and its server, with the real `hub`, extractor and journal.

mod alone;
mod client;
mod labelling;
mod looking;
mod page;
mod strangers;
mod switching;
mod taking_away;

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use self::client::Label;
use super::world::World;

/// A member with an extractor, twelve pictures of each of three colours, and two files that cannot be used.
fn member() -> Option<(World, PathBuf)> {
    let (world, pictures) = World::with_colours(12)?;
    std::fs::write(pictures.join("empty.png"), b"").unwrap();
    let whole = std::fs::read(pictures.join("red/000.png")).unwrap();
    std::fs::write(pictures.join("cut.png"), &whole[..whole.len() / 2]).unwrap();
    Some((world, pictures))
}

fn command(world: &World, pictures: &Path) -> Command {
    let images = pictures.to_str().unwrap();
    let line = [
        "label",
        "--extractor",
        "dots@1",
        "--images",
        images,
        "--head",
        "colours",
    ];
    world.command("beta", &line)
}

fn is_loaded(state: &Value) -> bool {
    state["done"]["images"] == true
}

/// Five of each of two colours.
fn ten() -> Vec<(String, &'static str)> {
    let of =
        |class: &'static str| (0..5).map(move |index| (format!("{class}/{index:03}.png"), class));
    of("red").chain(of("green")).collect()
}

fn label_ten(label: &Label) -> Value {
    let ten = ten();
    let ten: Vec<(&str, &str)> = ten
        .iter()
        .map(|(name, class)| (name.as_str(), *class))
        .collect();
    label.label(&ten)
}

fn images(list: &Value) -> Vec<usize> {
    let list = list.as_array().unwrap().iter();
    list.map(|one| usize::try_from(one["image"].as_u64().unwrap()).unwrap())
        .collect()
}

/// The columns of all images.
struct Columns {
    label: Vec<u8>,
    answer: Vec<u8>,
    doubt: Vec<u8>,
    x: Vec<f32>,
    group: Vec<u16>,
    order: Vec<u32>,
}

impl Columns {
    fn of(label: &Label) -> Self {
        let bytes = label.get("/api/columns").body;
        let word = |at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
        assert_eq!(word(0), 0x4C42_4C31);
        let n = word(4) as usize;
        assert_eq!(bytes.len(), 16 + n * 30);
        let column = |place: usize| bytes[16 + place * n..16 + (place + 1) * n].to_vec();
        let float =
            |place: usize, row: usize| f32::from_bits(word(16 + 4 * n + 4 * (place * n + row)));
        let after = 16 + 24 * n;
        let half =
            |row: usize| u16::from_le_bytes([bytes[after + 2 * row], bytes[after + 2 * row + 1]]);
        Self {
            label: column(0),
            answer: column(1),
            doubt: column(2),
            x: (0..n).map(|row| float(3, row)).collect(),
            group: (0..n).map(half).collect(),
            order: (0..n).map(|row| word(after + 2 * n + 4 * row)).collect(),
        }
    }
}
