#![allow(clippy::unwrap_used, reason = "tests")]

mod changes;
mod formats;
mod founding;
mod refusals;

use std::collections::BTreeMap;

use super::bundle::{Bundle, KeyringState, VerifiedBundle};
use super::draft::{Draft, DraftError, Plan, usual_threshold};
use super::files::{ConsortiumFile, IndexRange, KeyEntry, KeyringFile};
use super::metadata::{
    MetaFile, Role, Root, Snapshot, Targets, TimestampRole, TufKeyId, expiry, key_table,
};
use super::*;
use crate::digest::Digest;
use crate::keys::{PublicKey, SecretKey};
use crate::trust_root::tests::{NOW, days, founded, key, member, online, owners, plan};

const THREE: [&str; 3] = ["alpha", "beta", "gamma"];

fn check(bundle: &Bundle) -> Result<VerifiedBundle, TufError> {
    bundle.verify(&bundle.anchor(), NOW)
}

/// The next state after a proposal that the members with these seeds signed.
fn changed(
    bundle: &Bundle,
    seeds: &[u8],
    change: impl FnOnce(&mut Plan),
) -> Result<Bundle, TufError> {
    let draft = proposed(bundle, seeds, change);
    bundle.accept(&draft, &online(), NOW)
}

fn proposed(bundle: &Bundle, seeds: &[u8], change: impl FnOnce(&mut Plan)) -> Draft {
    let draft = Draft::propose(bundle, NOW).unwrap();
    let mut plan = draft.plan().unwrap();
    change(&mut plan);
    let mut draft = draft.planned(&plan).unwrap();
    for seed in seeds {
        draft.sign(&key(*seed), &[]).unwrap();
    }
    draft
}

/// Metadata changed and signed again by these keys.
fn forged<T: Role>(text: &str, keys: &[&SecretKey], change: impl FnOnce(&mut T)) -> String {
    let mut signed = Signed::<T>::parse("forged", text).unwrap();
    change(signed.change());
    for key in keys {
        signed.sign(key).unwrap();
    }
    signed.to_text().unwrap()
}

/// A bundle whose snapshot and timestamp fit whatever is in it: a hub that lies with its own key.
fn resealed(mut bundle: Bundle) -> Bundle {
    let pin = |text: &str| {
        let version = Signed::<Targets>::parse("t", text)
            .unwrap()
            .content()
            .version;
        MetaFile::of(version, text.as_bytes())
    };
    let mut meta = BTreeMap::from([("targets.json".to_owned(), pin(&bundle.targets))]);
    for (member, text) in &bundle.keyrings {
        meta.insert(format!("{member}.json"), pin(text));
    }
    bundle.snapshot = forged::<Snapshot>(&bundle.snapshot, &[&online()], |snapshot| {
        snapshot.meta = meta;
    });
    let version = Signed::<Snapshot>::parse("s", &bundle.snapshot).unwrap();
    let pin = MetaFile::of(version.content().version, bundle.snapshot.as_bytes());
    bundle.timestamp = forged::<TimestampRole>(&bundle.timestamp, &[&online()], |timestamp| {
        timestamp.meta = BTreeMap::from([("snapshot.json".to_owned(), pin)]);
    });
    bundle
}
