//! A consortium of three, whose members sign with the keys of their seeds.

use std::path::Path;

use jiff::Timestamp;
use registry_schema::keys::{PublicKey, SecretKey};
use registry_schema::trust_root::ConsortiumRoot;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::{Draft, Plan};
use registry_schema::tuf::files::NameOwners;

use crate::world::{ALPHA, BETA, GAMMA, hub_server, key};

/// The keys of a hub, as `hub-server keys` prints them; with `--next-online` the online key that is to be.
pub(crate) struct HubKeys {
    pub(crate) log: String,
    pub(crate) online: PublicKey,
}

impl HubKeys {
    /// Makes them where there are none.
    pub(crate) fn of(data: &Path) -> Self {
        Self::made(data, &[])
    }

    pub(crate) fn made(data: &Path, args: &[&str]) -> Self {
        let printed = hub_server(&[&["keys"], args].concat(), data);
        assert!(printed.status.success(), "{printed:?}");
        let text = String::from_utf8(printed.stdout).unwrap();
        let line = |word: &str| {
            let mut lines = text.lines();
            let found = lines.find_map(|line| line.strip_prefix(word));
            found.unwrap_or_else(|| panic!("{text}")).to_owned()
        };
        let word = match args.contains(&"--next-online") {
            true => "next-online ",
            false => "online ",
        };
        let hex = line(word);
        let bytes: Vec<u8> = (0..32)
            .map(|at| u8::from_str_radix(&hex[2 * at..2 * at + 2], 16).unwrap())
            .collect();
        Self {
            log: line("log "),
            online: PublicKey::from_bytes(&bytes.try_into().unwrap()).unwrap(),
        }
    }

    /// The policy of this log without witnesses.
    pub(crate) fn log_policy(&self) -> String {
        format!("log {}\nquorum none\n", self.log)
    }
}

pub(crate) fn plan(log_policy: &str, online: &PublicKey) -> Plan {
    let members = [("alpha", ALPHA), ("beta", BETA), ("gamma", GAMMA)]
        .map(|(name, seed)| (name.parse().unwrap(), key(seed).public()));
    let names = [
        ("passport-extractor", vec!["alpha", "beta"], 2),
        ("everyday-objects", vec!["alpha"], 1),
    ]
    .map(|(name, owners, threshold)| {
        let owners = owners.iter().map(|owner| owner.parse().unwrap()).collect();
        let owners = NameOwners {
            from: 0,
            owners,
            threshold,
        };
        (name.parse().unwrap(), owners)
    });
    Plan::new(
        "test consortium",
        members.into(),
        names.into(),
        log_policy.to_owned(),
        online.clone(),
    )
    .unwrap()
}

pub(crate) fn signed(mut draft: Draft, seeds: &[u8]) -> Draft {
    for seed in seeds {
        draft.sign(&key(*seed), &[]).unwrap();
    }
    draft
}

/// A founding draft that all three have signed.
pub(crate) fn founding(log_policy: &str, online: &PublicKey) -> Draft {
    let draft = Draft::found(&plan(log_policy, online), Timestamp::now()).unwrap();
    signed(draft, &[ALPHA, BETA, GAMMA])
}

/// The trust root of a hub of which nothing has changed since.
pub(crate) fn trust_root(data: &Path) -> ConsortiumRoot {
    let keys = HubKeys::of(data);
    let pem = std::fs::read_to_string(data.join("keys/online.pem")).unwrap();
    let online = SecretKey::from_pem(&pem).unwrap();
    let draft = founding(&keys.log_policy(), &keys.online);
    let bundle = Bundle::found(&draft, &online, Timestamp::now()).unwrap();
    ConsortiumRoot::verify(&bundle, &bundle.anchor(), Timestamp::now()).unwrap()
}
