//! Making a hub, or a mirror of one, and a hub's keys.

use std::io::{self, Write};
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;
use registry_schema::name::MemberName;

use super::error::CommandError;
use super::tell_missing;
use crate::app::{Hub, HubError};
use crate::blobs::{create_private_folder, is_there};
use crate::config::{DataFolder, InitArgs, KeysArgs};
use crate::log::load_or_make_key;
use crate::mirror::{self, Taken};
use crate::publish::time_text;
use crate::server::lock;
use crate::trust;

pub(super) fn init(args: &InitArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    if let Some(folder) = &args.mirror {
        return init_mirror(&data, folder);
    }
    // Without a folder there are no keys, which is said below.
    let _lock = match is_there(data.root()).map_err(HubError::from)? {
        true => Some(lock(&data)?),
        false => None,
    };
    // The command line has one of the two.
    let root = args.root.as_deref().unwrap_or(Path::new(""));
    let (trust, log_key) = Hub::init(&data, root, Timestamp::now())?;
    let members: Vec<&str> = trust.root.members().map(MemberName::as_str).collect();
    writeln!(
        io::stdout(),
        "made a hub for `{}` in {}\nfirst root {}\nmembers {}\nlog {log_key}",
        trust.root.consortium(),
        data.root().display(),
        trust.bundle.anchor(),
        members.join(", ")
    )?;
    writeln!(
        io::stderr(),
        "next: tell the members the first root, start `hub-server serve`, and make tokens with `hub-server token create`"
    )?;
    Ok(ExitCode::SUCCESS)
}

fn init_mirror(data: &DataFolder, folder: &Path) -> Result<ExitCode, CommandError> {
    create_private_folder(data.root()).map_err(HubError::from)?;
    let _lock = lock(data)?;
    let taken = mirror::init(data, folder, Timestamp::now())?;
    writeln!(
        io::stdout(),
        "made a mirror for `{}` in {}\nfirst root {}",
        taken.state.root.consortium(),
        data.root().display(),
        taken.state.bundle.anchor(),
    )?;
    tell_taken(&taken)
}

/// Says what a mirror shows, and which files its folder should hold and does not.
pub(super) fn tell_taken(taken: &Taken) -> Result<ExitCode, CommandError> {
    let mut out = io::stdout().lock();
    let checkpoint = &taken.head.checkpoint;
    writeln!(
        out,
        "log {} with {} entries\nreleases {}",
        checkpoint.origin, checkpoint.size, taken.releases
    )?;
    tell_missing(&mut out, &taken.missing)
}

pub(super) fn keys(args: &KeysArgs) -> Result<ExitCode, CommandError> {
    let data = DataFolder::of(&args.data);
    let key = load_or_make_key(&data, args.origin.as_ref())?;
    let online = trust::load_or_make_key(&data)?.public();
    writeln!(
        io::stdout(),
        "log {}\nonline {}",
        key.verifier(),
        trust::public_text(&online)
    )?;
    if args.next_online {
        if args.anew {
            trust::put_next_key_aside(&data)?;
        }
        let (next, since) = trust::load_or_make_next_key(&data)?;
        let next = trust::public_text(&next.public());
        writeln!(io::stdout(), "next-online {next}")?;
        if let Some(since) = since {
            writeln!(
                io::stderr(),
                "note: this next online key has been there since {}: when it may have been stolen, too, make another one with `--next-online --anew`",
                time_text(since.as_second())?
            )?;
        }
    }
    Ok(ExitCode::SUCCESS)
}
