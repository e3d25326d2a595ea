//! A log whose operator lies: with the hub's own key, about whatever entries it likes. Its checkpoints, tiles
//! and proofs are as good as those of an honest one, so what refuses them is the check that a test is about.

use std::collections::BTreeMap;

use registry_schema::digest::Digest;
use registry_schema::envelope::Envelope;
use registry_schema::keys::SecretKey;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::entry::{BundleWriter, parse_bundle};
use registry_schema::log::hash::leaf_hash;
use registry_schema::log::note::{Note, SignerKey};
use registry_schema::log::proof::{LogProof, TreeHead, TrustedTiles};
use registry_schema::log::tile::{BundleId, LogFile, Tile, TileId};
use registry_schema::log::tree::Tree;
use serde_json::Value;

use super::hostile_hub::{Proxy, get};
use super::world::World;

/// The log of a dishonest hub.
#[derive(Clone)]
pub(crate) struct LyingLog {
    key: SignerKey,
    /// Who cosigns, and when.
    pub(crate) cosigners: Vec<(SignerKey, u64)>,
    /// In their order.
    pub(crate) entries: Vec<Vec<u8>>,
}

impl LyingLog {
    /// The log of a hub without TLS, as it is so far, and its key.
    pub(crate) fn of(world: &World) -> Self {
        let data = world.folder.path().join("hub");
        let key = std::fs::read_to_string(data.join("keys/log.key")).unwrap();
        let token = world.token("gamma", &[]);
        let served = |path: &str| get(&world.server.url, &format!("/log/{path}"), &token);
        let note = Note::parse(&served("checkpoint")).unwrap();
        let size = Checkpoint::of_note(&note).unwrap().size;
        let mut entries = Vec::new();
        if let Some(id) = BundleId::of_tree(0, size) {
            let bundle = served(&id.to_string());
            entries.extend(
                parse_bundle(id, &bundle)
                    .unwrap()
                    .iter()
                    .map(|one| one.to_vec()),
            );
        }
        Self {
            key: key.trim_end().parse().unwrap(),
            cosigners: Vec::new(),
            entries,
        }
    }

    /// The same key over other entries.
    pub(crate) fn with(&self, entries: &[&[u8]]) -> Self {
        Self {
            entries: entries.iter().map(|entry| entry.to_vec()).collect(),
            ..self.clone()
        }
    }

    /// The same with one entry more.
    pub(crate) fn and(&self, entry: &[u8]) -> Self {
        let mut longer = self.clone();
        longer.entries.push(entry.to_vec());
        longer
    }

    pub(crate) fn checkpoint(&self) -> Note {
        let checkpoint = Checkpoint {
            origin: self.key.verifier().name().to_string().parse().unwrap(),
            size: self.entries.len() as u64,
            root: self.tree().root(),
        };
        let mut note = checkpoint.sign(&self.key).unwrap();
        for (witness, time) in &self.cosigners {
            note.add(witness.sign(&checkpoint.to_string(), *time))
                .unwrap();
        }
        note
    }

    /// A `.tlog-proof` of the entry at an index.
    pub(crate) fn proof(&self, index: usize) -> String {
        let tree = self.tree();
        let head = TreeHead {
            size: tree.size(),
            root: tree.root(),
        };
        let tiles = self.tiles();
        let read = |id: TileId| Ok::<_, ()>(cut(&tiles, id).unwrap());
        let hashes = TrustedTiles::new(head, read)
            .unwrap()
            .inclusion(index as u64);
        LogProof {
            extra: None,
            index: index as u64,
            hashes: hashes.unwrap(),
            checkpoint: self.checkpoint(),
        }
        .to_string()
    }

    /// A file below `/log/`.
    pub(crate) fn file(&self, path: &str) -> Option<Vec<u8>> {
        if path == "checkpoint" {
            return Some(self.checkpoint().to_string().into_bytes());
        }
        match path.parse().ok()? {
            LogFile::Tile(id) => Some(cut(&self.tiles(), id)?.to_bytes()),
            LogFile::Bundle(id) => {
                let first = usize::try_from(id.number()).ok()? * 256;
                let mut bundle = BundleWriter::new();
                for entry in self.entries.get(first..first + usize::from(id.width()))? {
                    bundle.push(entry).unwrap();
                }
                Some(bundle.finish())
            }
        }
    }

    /// A hub that shows this log and fits its answers to it; `change` is what it lies about.
    pub(crate) fn hub(
        self,
        world: &World,
        change: impl Fn(&str, &mut Value) + Send + Sync + 'static,
    ) -> Proxy {
        let log = self.clone();
        let own = move |path: &str| log.file(path.strip_prefix("/log/")?);
        let rewrite = move |path: &str, body: Vec<u8>| {
            if !path.starts_with("/api/v1/extractors/") {
                return body;
            }
            let Ok(mut answer) = serde_json::from_slice(&body) else {
                return body;
            };
            change(path, &mut answer);
            self.fit(&mut answer);
            answer.to_string().into_bytes()
        };
        Proxy::answering(world.server.url.clone(), own, rewrite)
    }

    /// Gives every envelope in an answer its place in this log; one that is not in it keeps what it has.
    fn fit(&self, answer: &mut Value) {
        if let Value::Array(items) = answer {
            items.iter_mut().for_each(|item| self.fit(item));
        }
        let Value::Object(fields) = answer else {
            return;
        };
        fields.values_mut().for_each(|field| self.fit(field));
        if let Some(place) = fields.get("envelope").and_then(|text| self.place(text)) {
            fields.insert("proof".to_owned(), self.proof(place).into());
            fields.insert("log_index".to_owned(), place.into());
        }
        if let Some(Value::Array(yanks)) = fields.get("yanks") {
            let proofs: Option<Vec<_>> = yanks
                .iter()
                .map(|text| Some(Value::from(self.proof(self.place(text)?))))
                .collect();
            if let Some(proofs) = proofs {
                fields.insert("yank_proofs".to_owned(), proofs.into());
            }
        }
    }

    /// The last place of an envelope.
    fn place(&self, envelope: &Value) -> Option<usize> {
        let bytes = envelope.as_str()?.as_bytes();
        self.entries.iter().rposition(|entry| entry == bytes)
    }

    fn leaves(&self) -> Vec<Digest> {
        self.entries.iter().map(|entry| leaf_hash(entry)).collect()
    }

    fn tree(&self) -> Tree {
        let mut tree = Tree::new();
        tree.append(&self.leaves()).unwrap();
        tree
    }

    /// The widest tile of each place.
    fn tiles(&self) -> BTreeMap<(u8, u64), Tile> {
        let tiles = Tree::new().append(&self.leaves()).unwrap();
        let at = |tile: &Tile| (tile.id().level(), tile.id().number());
        tiles.into_iter().map(|tile| (at(&tile), tile)).collect()
    }
}

fn cut(tiles: &BTreeMap<(u8, u64), Tile>, id: TileId) -> Option<Tile> {
    let tile = tiles.get(&(id.level(), id.number()))?;
    Tile::new(id, tile.hashes().get(..usize::from(id.width()))?.to_vec()).ok()
}

/// A member's statement key, as a thief would have it.
pub(crate) fn key_of(world: &World, member: &str) -> SecretKey {
    let path = world.home(member).join("keys/default.pem");
    SecretKey::from_pem(&std::fs::read_to_string(path).unwrap()).unwrap()
}

/// What an entry says, signed by other keys.
pub(crate) fn signed_by(entry: &[u8], keys: &[&SecretKey]) -> Vec<u8> {
    let payload = Envelope::parse(entry).unwrap().payload().to_vec();
    Envelope::sign(payload, keys).to_bytes()
}

/// The same entry without a signature.
pub(crate) fn unsigned(entry: &[u8]) -> Vec<u8> {
    signed_by(entry, &[])
}

/// The same entry, its one signature replaced by another key's, under the old key's id.
pub(crate) fn forged(entry: &[u8], key: &SecretKey) -> Vec<u8> {
    use base64::Engine as _;
    use base64::engine::general_purpose::STANDARD as BASE64;
    let signed = Envelope::parse(&signed_by(entry, &[key])).unwrap();
    let mut envelope: Value = serde_json::from_slice(entry).unwrap();
    envelope["signatures"][0]["sig"] = BASE64.encode(signed.signatures()[0].signature).into();
    envelope.to_string().into_bytes()
}

/// Bytes as the text that answers carry.
pub(crate) fn text(entry: &[u8]) -> Value {
    String::from_utf8(entry.to_vec()).unwrap().into()
}
