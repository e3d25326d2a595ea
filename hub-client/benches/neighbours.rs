//! How long the exact nearest neighbours take.
//!
//! `cargo bench -p hub-client --bench neighbours -- ROWS.npy QUERIES.npy`, with files of f32 in C order
//! (NumPy format 1.0). Prints the median time of a search for the 10 nearest by the dot product, on all
//! cores, and what was found, as JSON.
#![allow(clippy::print_stdout, reason = "a benchmark prints")]

mod npy;

use std::num::NonZeroUsize;
use std::time::Instant;

use hub_client::explore::Neighbours;
use registry_schema::manifest::Distance;
use serde_json::json;

const SEARCHES: usize = 9;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args_os()
        .skip(1)
        .filter(|argument| argument != "--bench");
    let (Some(rows), Some(queries)) = (arguments.next(), arguments.next()) else {
        println!("usage: cargo bench -p hub-client --bench neighbours -- ROWS.npy QUERIES.npy");
        return Ok(());
    };
    let (rows, queries) = (npy::floats(rows.as_ref())?, npy::floats(queries.as_ref())?);
    let threads = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
    let index = Neighbours::new(rows.view(), Distance::Dot, threads)?;
    let mut seconds = Vec::new();
    let mut found = Vec::new();
    for _ in 0..SEARCHES {
        let start = Instant::now();
        found = index.nearest(queries.view(), 10, |_, _| true)?;
        seconds.push(start.elapsed().as_secs_f64());
    }
    seconds.sort_by(f64::total_cmp);
    let rows_of = |nearest: &Vec<hub_client::explore::Neighbour>| -> Vec<usize> {
        nearest.iter().map(|one| one.row).collect()
    };
    let nearest: Vec<_> = found.iter().map(rows_of).collect();
    println!(
        "{}",
        json!({"seconds": seconds[SEARCHES / 2], "nearest": nearest})
    );
    Ok(())
}
