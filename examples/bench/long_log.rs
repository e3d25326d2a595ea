//! Makes a long log for the figures: `long_log DATA KEY MEMBER ENTRIES [--tiles DIR]`.
//!
//! Appends statements that MEMBER signs with KEY (a PEM file) to the log of a stopped hub until it has
//! ENTRIES of them: releases, and yanks and restorations of each, in large batches and without the rows
//! that a hub keeps beside its log. With `--tiles` the log is also written as the files that a hub
//! serves.
#![allow(clippy::print_stdout, reason = "a program of the benches")]

use std::error::Error;
use std::fs;
use std::path::{Path, PathBuf};

use diesel::connection::SimpleConnection;
use diesel::prelude::*;
use diesel::sql_types::{BigInt, Binary, Text};
use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::{Checkpoint, Origin};
use registry_schema::log::entry::BundleWriter;
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::SignerKey;
use registry_schema::log::tile::{BundleId, Tile, TileId};
use registry_schema::log::tree::Tree;
use registry_schema::manifest::Manifest;
use registry_schema::statement::{ReleaseFile, ReleaseStatement, YankAction, YankStatement};

/// Entries about one release: the release, then yanks and restorations in turn.
const ABOUT_ONE: u64 = 64;

/// Entries of one transaction.
const BATCH: u64 = 16_384;

type Failure = Box<dyn Error + Send + Sync>;

fn main() -> Result<(), Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [data, key, member, entries, rest @ ..] = arguments.as_slice() else {
        return Err("usage: long_log DATA KEY MEMBER ENTRIES [--tiles DIR]".into());
    };
    let tiles = match rest {
        [option, folder] if option == "--tiles" => Some(PathBuf::from(folder)),
        [] => None,
        _ => return Err("usage: long_log DATA KEY MEMBER ENTRIES [--tiles DIR]".into()),
    };
    let data = Path::new(data);
    let log_key: SignerKey = fs::read_to_string(data.join("keys/log.key"))?
        .trim_end()
        .parse()?;
    let author = Author {
        key: SecretKey::from_pem(&fs::read_to_string(key)?)?,
        member: member.clone(),
    };
    let database = data.join("hub.sqlite");
    let database = database.to_str().ok_or("the folder's name is not UTF-8")?;
    let mut connection = SqliteConnection::establish(database)?;
    connection.batch_execute(
        "PRAGMA journal_mode = WAL; PRAGMA synchronous = OFF; PRAGMA cache_size = -400000",
    )?;
    let mut log = Log::open(&mut connection, log_key)?;
    let end: u64 = entries.parse()?;
    while log.tree.size() < end {
        log.append(&mut connection, &author, end)?;
    }
    if let Some(folder) = tiles {
        log.write_files(&mut connection, &folder)?;
    }
    println!("{} entries", log.tree.size());
    Ok(())
}

/// Who signs.
struct Author {
    key: SecretKey,
    member: String,
}

impl Author {
    /// The envelope of an entry: what it says follows from its index alone.
    fn envelope(&self, index: u64) -> Result<Vec<u8>, Failure> {
        let release = self.release(index / ABOUT_ONE)?;
        let payload = match index % ABOUT_ONE {
            0 => release.to_payload(),
            sequence => YankStatement {
                name: release.manifest().name.clone(),
                version: release.manifest().version.clone(),
                content: release.content_digest(),
                action: if sequence % 2 == 1 {
                    YankAction::Yank
                } else {
                    YankAction::Unyank
                },
                reason: "made for a figure".to_owned(),
                replacement: None,
                sequence,
            }
            .to_payload(),
        };
        Ok(Envelope::sign(payload, &[&self.key]).to_bytes())
    }

    fn release(&self, number: u64) -> Result<ReleaseStatement, Failure> {
        let manifest = format!(
            "name = \"{}/filler-{number}\"\nversion = \"1.0.0\"\nsummary = \"One of many\"\nlicense = \"CC0-1.0\"\n\
             domain = \"photographs\"\n\
             input = {{ tensor = \"input\", width = 8, height = 8, \
             normalize = {{ mean = [0.5, 0.5, 0.5], std = [0.5, 0.5, 0.5] }} }}\n\
             output = {{ tensor = \"features\", dimension = 4 }}\n",
            self.member
        );
        let file = |path: &str| ReleaseFile {
            path: path.to_owned(),
            digest: Digest::of(format!("{number} {path}").as_bytes()),
            size_bytes: 1000,
        };
        let files = [
            "README.md",
            "model.onnx",
            "probes/a.png",
            "probes/b.png",
            "probes/c.png",
            "probes/vectors.json",
        ];
        let manifest = Manifest::from_toml(&manifest)?;
        Ok(ReleaseStatement::new(manifest, files.map(file).to_vec())?)
    }
}

#[derive(QueryableByName)]
struct TileRow {
    #[diesel(sql_type = Binary)]
    hashes: Vec<u8>,
}

#[derive(QueryableByName)]
struct EntryRow {
    #[diesel(sql_type = Binary)]
    envelope: Vec<u8>,
}

#[derive(QueryableByName)]
struct HeadRow {
    #[diesel(sql_type = BigInt)]
    size: i64,
}

struct Log {
    tree: Tree,
    key: SignerKey,
    /// Entries that were there before, which the numbers of what is appended begin after.
    before: u64,
}

impl Log {
    fn open(connection: &mut SqliteConnection, key: SignerKey) -> Result<Self, Failure> {
        let head: HeadRow =
            diesel::sql_query("SELECT size FROM log_checkpoints WHERE kind = 'head'")
                .get_result(connection)?;
        let size = u64::try_from(head.size)?;
        let tiles: Vec<Tile> = Tree::edge_tiles(size)
            .map(|id| read_tile(connection, id))
            .collect::<Result<_, _>>()?;
        let first_filler = diesel::sql_query(
            "SELECT count(*) AS size FROM log_entries WHERE submitted_by <> 'long-log'",
        );
        let before: HeadRow = first_filler.get_result(connection)?;
        Ok(Self {
            tree: Tree::from_tiles(size, &tiles)?,
            key,
            before: u64::try_from(before.size)?,
        })
    }

    /// The next batch, in one transaction.
    fn append(
        &mut self,
        connection: &mut SqliteConnection,
        author: &Author,
        end: u64,
    ) -> Result<(), Failure> {
        let first = self.tree.size();
        let last = end.min(first + BATCH);
        let envelopes = sign_all(author, first - self.before..last - self.before)?;
        let leaves: Vec<Digest> = envelopes.iter().map(|one| leaf_hash(one)).collect();
        connection.transaction(|connection| {
            for ((index, envelope), leaf) in (first..).zip(&envelopes).zip(&leaves) {
                diesel::sql_query(
                    "INSERT INTO log_entries VALUES (?, ?, ?, 1800000000, 'long-log')",
                )
                .bind::<BigInt, _>(i64::try_from(index)?)
                .bind::<Binary, _>(envelope)
                .bind::<Binary, _>(&leaf.as_bytes()[..])
                .execute(connection)?;
            }
            for tile in self.tree.append(&leaves)? {
                diesel::sql_query("INSERT OR REPLACE INTO log_tiles VALUES (?, ?, ?)")
                    .bind::<BigInt, _>(i64::from(tile.id().level()))
                    .bind::<BigInt, _>(i64::try_from(tile.id().number())?)
                    .bind::<Binary, _>(tile.to_bytes())
                    .execute(connection)?;
            }
            diesel::sql_query("UPDATE log_checkpoints SET size = ?, note = ? WHERE kind = 'head'")
                .bind::<BigInt, _>(i64::try_from(self.tree.size())?)
                .bind::<Text, _>(self.note()?)
                .execute(connection)?;
            Ok::<_, Failure>(())
        })
    }

    fn note(&self) -> Result<String, Failure> {
        let checkpoint = Checkpoint {
            origin: self.key.verifier().name().as_str().parse::<Origin>()?,
            size: self.tree.size(),
            root: self.tree.root(),
        };
        Ok(checkpoint.sign(&self.key)?.to_string())
    }

    /// Checkpoint, tiles and bundles, as a hub serves them.
    fn write_files(&self, connection: &mut SqliteConnection, folder: &Path) -> Result<(), Failure> {
        let size = self.tree.size();
        for level in 0..8 {
            for number in 0.. {
                let Some(id) = TileId::of_tree(level, number, size) else {
                    break;
                };
                write(
                    folder,
                    &id.to_string(),
                    &read_tile(connection, id)?.to_bytes(),
                )?;
            }
        }
        for number in 0.. {
            let Some(id) = BundleId::of_tree(number, size) else {
                break;
            };
            let first = i64::try_from(number * 256)?;
            let rows: Vec<EntryRow> = diesel::sql_query(
                "SELECT envelope FROM log_entries WHERE idx >= ? AND idx < ? ORDER BY idx",
            )
            .bind::<BigInt, _>(first)
            .bind::<BigInt, _>(first + i64::from(id.width()))
            .load(connection)?;
            let mut bundle = BundleWriter::new();
            for row in rows {
                bundle.push(&row.envelope)?;
            }
            write(folder, &id.to_string(), &bundle.finish())?;
        }
        write(folder, "checkpoint", self.note()?.as_bytes())
    }
}

/// Signs on every core.
fn sign_all(author: &Author, range: std::ops::Range<u64>) -> Result<Vec<Vec<u8>>, Failure> {
    let indexes: Vec<u64> = range.collect();
    let cores = std::thread::available_parallelism()?.get();
    let share = indexes.len().div_ceil(cores).max(1);
    let sign = |share: &[u64]| share.iter().map(|index| author.envelope(*index)).collect();
    std::thread::scope(|scope| {
        let threads: Vec<_> = indexes
            .chunks(share)
            .map(|share| scope.spawn(move || -> Result<Vec<_>, Failure> { sign(share) }))
            .collect();
        let mut all = Vec::with_capacity(indexes.len());
        for thread in threads {
            all.extend(thread.join().map_err(|_| "a thread ended early")??);
        }
        Ok(all)
    })
}

fn read_tile(connection: &mut SqliteConnection, id: TileId) -> Result<Tile, Failure> {
    let row: TileRow =
        diesel::sql_query("SELECT hashes FROM log_tiles WHERE level = ? AND number = ?")
            .bind::<BigInt, _>(i64::from(id.level()))
            .bind::<BigInt, _>(i64::try_from(id.number())?)
            .get_result(connection)?;
    let bytes = row.hashes.get(..usize::from(id.width()) * 32);
    Ok(Tile::parse(id, bytes.ok_or("a tile is too narrow")?)?)
}

fn write(folder: &Path, path: &str, bytes: &[u8]) -> Result<(), Failure> {
    let path = folder.join(path);
    if let Some(parent) = path.parent() {
        fs::create_dir_all(parent)?;
    }
    Ok(fs::write(path, bytes)?)
}
