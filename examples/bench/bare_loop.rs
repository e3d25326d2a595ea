//! The least that reading a log can take: `bare_loop DIR KEY` hashes every entry of the log's files in
//! DIR and checks one signature of each with KEY (a PEM file of the public half), on every core, and
//! does nothing else. Prints entries a second.
#![allow(clippy::print_stdout, reason = "a program of the benches")]

use std::error::Error;
use std::fs;
use std::path::Path;
use std::time::Instant;

use registry_schema::envelope::Envelope;
use registry_schema::keys::PublicKey;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::entry::parse_bundle;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::Note;
use registry_schema::log::tile::BundleId;

type Failure = Box<dyn Error + Send + Sync>;

/// An entry, and what its signature is over: read before the clock runs.
struct Entry {
    bytes: Vec<u8>,
    message: Vec<u8>,
    signature: [u8; 64],
}

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, key] = arguments.as_slice() else {
        return Err("usage: bare_loop DIR KEY".into());
    };
    let key = PublicKey::from_pem(&fs::read_to_string(key)?)?;
    let entries = read(Path::new(folder))?;
    let started = Instant::now();
    let cores = std::thread::available_parallelism()?.get();
    let good: usize = std::thread::scope(|scope| {
        let threads: Vec<_> = entries
            .chunks(entries.len().div_ceil(cores).max(1))
            .map(|share| scope.spawn(|| share.iter().filter(|one| check(one, &key)).count()))
            .collect();
        threads
            .into_iter()
            .map(|thread| thread.join().unwrap_or(0))
            .sum()
    });
    let seconds = started.elapsed().as_secs_f64();
    if good != entries.len() {
        return Err(format!("{good} of {} signatures are good", entries.len()).into());
    }
    let count = u32::try_from(entries.len())?;
    println!("{}", f64::from(count) / seconds);
    Ok(())
}

fn check(entry: &Entry, key: &PublicKey) -> bool {
    std::hint::black_box(leaf_hash(&entry.bytes));
    key.verifies(&entry.message, &entry.signature)
}

/// Every entry of the log.
fn read(folder: &Path) -> Result<Vec<Entry>, Failure> {
    let note = Note::parse(&fs::read(folder.join("checkpoint"))?)?;
    let size = Checkpoint::of_note(&note)?.size;
    let mut entries = Vec::new();
    for number in 0.. {
        let Some(id) = BundleId::of_tree(number, size) else {
            break;
        };
        let bundle = fs::read(folder.join(id.to_string()))?;
        for bytes in parse_bundle(id, &bundle)? {
            let envelope = Envelope::parse(bytes)?;
            let signature = envelope
                .signatures()
                .first()
                .ok_or("an entry without a signature")?;
            entries.push(Entry {
                message: envelope.signed_message(),
                signature: signature.signature,
                bytes: bytes.to_vec(),
            });
        }
    }
    Ok(entries)
}
