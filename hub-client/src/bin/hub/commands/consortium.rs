//! `hub consortium`: founding and changing the consortium, by drafts that members sign.

use std::collections::BTreeSet;
use std::path::Path;

use hub_client::consortium::{self, Founding, KeyRotation};
use hub_client::files;
use hub_client::keys;
use hub_client::trust::Kept;
use jiff::Timestamp;
use registry_schema::api::TrustRootInfo;
use registry_schema::keys::PublicKey;
use registry_schema::limits;
use registry_schema::log::policy::Policy;
use registry_schema::name::MemberName;
use registry_schema::trust_root::TrustRoot;
use registry_schema::tuf::draft::{Draft, DraftError};

use super::consortium_view::{DraftView, PublishedView, RootView};
use crate::app::Outcome;
use crate::args::{
    ConsortiumCommand, InitArgs, ProposeArgs, PublishDraftArgs, RotateKeysArgs, SetWitnessesArgs,
    ShowDraftArgs, SignDraftArgs,
};
use crate::context::Context;
use crate::error::CommandError;
use crate::output::list;

pub(super) async fn run(
    command: ConsortiumCommand,
    context: &Context,
) -> Result<Outcome, CommandError> {
    use ConsortiumCommand as Command;
    match command {
        Command::Init(args) => init(&args, context),
        Command::Propose(args) => propose(&args, context).await,
        Command::AddMember(args) => {
            let key = keys::load_public(Path::new(&args.member.key_path))?;
            let from = log_index(args.from.from, context).await?;
            edit(&args.draft, context, |plan| {
                Ok(plan.add_member(&args.member.member, key, from)?)
            })
        }
        Command::RemoveMember(args) => {
            let until = log_index(args.from.from, context).await?;
            edit(&args.draft, context, |plan| {
                Ok(plan.remove_member(&args.member, until)?)
            })
        }
        Command::ReplaceKey(args) => {
            let key = keys::load_public(Path::new(&args.member.key_path))?;
            edit(&args.draft, context, |plan| {
                Ok(plan.replace_key(&args.member.member, key)?)
            })
        }
        Command::SetOwners(args) => {
            let from = log_index(args.from.from, context).await?;
            edit(&args.draft, context, |plan| {
                Ok(plan.set_owners(&args.owners.name, args.owners.owners(from))?)
            })
        }
        Command::SetWitnesses(args) => set_witnesses(&args, context),
        Command::Sign(args) => sign(&args, context),
        Command::Publish(args) => publish(&args, context).await,
        Command::RotateKeys(args) => rotate_keys(&args, context).await,
        Command::Show(args) => show(&args, context),
    }
}

fn init(args: &InitArgs, context: &Context) -> Result<Outcome, CommandError> {
    let log_policy = match (&args.log, &args.log_policy) {
        (_, Some(path)) => text_of(path)?,
        (log, None) => format!("log {}\nquorum none\n", log.as_deref().unwrap_or_default()),
    };
    let online_key = online_key(&args.online_key)?;
    let wish = Founding {
        name: args.name.as_deref().unwrap_or_default(),
        members: &args.members,
        threshold: args.threshold,
        names: &args.names,
        log_policy: &log_policy,
        online_key: &online_key,
    };
    let draft = match &args.from_policy {
        Some(policy) => consortium::found_from_policy(policy, &wish, Timestamp::now())?,
        None => consortium::found(&wish, Timestamp::now())?,
    };
    consortium::write_new(&draft, &args.output)?;
    show_draft(&draft, &args.output, context)?;
    context.report().note(
        "next: every member reads it (`hub consortium show DRAFT`) and signs it (`hub consortium sign DRAFT`)",
    );
    Ok(Outcome::Done)
}

async fn propose(args: &ProposeArgs, context: &Context) -> Result<Outcome, CommandError> {
    let kept = newest(context, "consortium propose").await?;
    let mut draft = Draft::propose(&kept.bundle, Timestamp::now())?;
    if args.threshold.is_some() || args.online_key.is_some() {
        let mut plan = draft.plan()?;
        if let Some(threshold) = args.threshold {
            plan.threshold = threshold;
        }
        if let Some(key) = &args.online_key {
            plan.online_key = online_key(key)?;
        }
        draft = draft.planned(&plan)?;
    }
    consortium::write_new(&draft, &args.output)?;
    show_draft(&draft, &args.output, context)?;
    Ok(Outcome::Done)
}

fn edit(
    path: &Path,
    context: &Context,
    change: impl FnOnce(
        &mut registry_schema::tuf::draft::Plan,
    ) -> Result<(), consortium::ConsortiumError>,
) -> Result<Outcome, CommandError> {
    let draft = consortium::edit(path, change)?;
    show_draft(&draft, path, context)?;
    Ok(Outcome::Done)
}

fn set_witnesses(args: &SetWitnessesArgs, context: &Context) -> Result<Outcome, CommandError> {
    edit(&args.draft, context, |plan| {
        let policy = Policy::parse(&plan.log_policy).map_err(|source| {
            let reason = source.to_string();
            let file = "log.policy".to_owned();
            DraftError::from(registry_schema::tuf::TufError::Malformed { file, reason })
        })?;
        plan.log_policy = consortium::with_witnesses(&policy, &args.witnesses, args.quorum)?;
        Ok(())
    })
}

fn sign(args: &SignDraftArgs, context: &Context) -> Result<Outcome, CommandError> {
    warn_of_another_state(&consortium::read(&args.draft)?, context)?;
    let (draft, signed) = consortium::sign(
        context.folders(),
        &args.draft,
        &args.merge,
        args.key.as_deref(),
        &args.statement_keys,
        Timestamp::now(),
    )?;
    if !signed.is_empty() {
        context
            .report()
            .note(&format!("signed: {}", signed.join(", ")));
    }
    show_draft(&draft, &args.draft, context)?;
    let next = match (draft.status()?.is_complete(), draft.base().is_some()) {
        (true, true) => "enough have signed: `hub consortium publish DRAFT`",
        (true, false) => "enough have signed: `hub-server init --data DIR --root DRAFT`",
        (false, _) => "give the draft to the next member",
    };
    context.report().note(next);
    let without = without_keyring(&draft)?;
    if draft.base().is_none() && draft.status()?.is_complete() && !without.is_empty() {
        context.report().note(&format!(
            "no keyring yet: {}; let them sign it, too, or nothing that they publish counts",
            list(&without)
        ));
    }
    Ok(Outcome::Done)
}

/// Members that have not signed a draft of which nothing was there before.
fn without_keyring(draft: &Draft) -> Result<Vec<MemberName>, CommandError> {
    let have: BTreeSet<&MemberName> = draft.signed_keyrings().map(|(member, _)| member).collect();
    let members = draft.plan()?.keys.into_keys();
    Ok(members.filter(|member| !have.contains(member)).collect())
}

/// Whoever signs knows a state of the consortium: a draft of another one is worth a second look.
fn warn_of_another_state(draft: &Draft, context: &Context) -> Result<(), CommandError> {
    let (Some(base), Ok(kept)) = (draft.base(), context.kept_trust()) else {
        return Ok(());
    };
    if !base.is_of(&kept.bundle).map_err(DraftError::from)? {
        context.report().warn(&format!(
            "the draft changes another state (root {}, targets {}) than the one kept here (root {}, targets {}): refresh with `hub trust` and look again",
            base.root_version(),
            base.targets_version(),
            kept.root.version(),
            kept.root.targets_version()
        ));
    }
    Ok(())
}

async fn publish(args: &PublishDraftArgs, context: &Context) -> Result<Outcome, CommandError> {
    let draft = consortium::read(&args.draft)?;
    let told = send(&draft, context, "consortium publish").await?;
    context.show(&PublishedView::new(&told))?;
    Ok(Outcome::Done)
}

/// Publishes a draft, and follows the trust root to it.
async fn send(
    draft: &Draft,
    context: &Context,
    command: &'static str,
) -> Result<TrustRootInfo, CommandError> {
    let registry = context.registry(command)?;
    let told = registry.publish_trust_root(&draft.to_text()?).await?;
    if context.config().first_root.is_some() {
        context.fresh_trust(&registry).await?;
    }
    Ok(told)
}

async fn rotate_keys(args: &RotateKeysArgs, context: &Context) -> Result<Outcome, CommandError> {
    let kept = newest(context, "consortium rotate-keys").await?;
    let is_asked = (args.from.is_none() && !args.add.is_empty())
        || (args.until.is_none() && !args.retire.is_empty());
    let now = match is_asked {
        true => log_index(None, context).await?,
        false => 0,
    };
    let rotation = KeyRotation {
        add: args
            .add
            .iter()
            .map(|key| keys::public(context.folders(), key))
            .collect::<Result<_, _>>()?,
        add_model_signing: args
            .add_model_signing
            .iter()
            .map(|path| text_of(path))
            .collect::<Result<_, _>>()?,
        retire: args.retire.clone(),
        from: args.from.unwrap_or(now),
        until: args.until.unwrap_or(now),
        note: args.note.clone(),
    };
    let draft = consortium::rotate_keys(
        context.folders(),
        &kept.bundle,
        &args.member,
        &args.key,
        &rotation,
        Timestamp::now(),
    )?;
    match &args.output {
        Some(path) => {
            consortium::write_new(&draft, path)?;
            show_draft(&draft, path, context)?;
        }
        None => {
            let told = send(&draft, context, "consortium rotate-keys").await?;
            context.show(&PublishedView::new(&told))?;
        }
    }
    Ok(Outcome::Done)
}

fn show(args: &ShowDraftArgs, context: &Context) -> Result<Outcome, CommandError> {
    match &args.draft {
        Some(path) => show_draft(&consortium::read(path)?, path, context)?,
        None => context.show(&RootView::new(&context.kept_trust()?, context))?,
    }
    Ok(Outcome::Done)
}

fn show_draft(draft: &Draft, path: &Path, context: &Context) -> Result<(), CommandError> {
    context.show(&DraftView::new(draft, path)?)
}

/// The newest trust root: from the hub, or what is kept where the network is switched off.
async fn newest(context: &Context, command: &'static str) -> Result<Kept, CommandError> {
    if context.is_offline() {
        return context.kept_trust();
    }
    let registry = context.registry(command)?;
    context.fresh_trust(&registry).await
}

/// The next index of the log, as its checkpoint says, when none was given.
async fn log_index(given: Option<u64>, context: &Context) -> Result<u64, CommandError> {
    if let Some(index) = given {
        return Ok(index);
    }
    if context.is_offline() || context.hub()?.is_none() {
        return Err(CommandError::NoLogIndex);
    }
    let registry = context.registry("consortium")?;
    let kept = context.kept_trust()?;
    let log = context.see_log(&registry, &kept).await?;
    Ok(log.checkpoint().checkpoint().size)
}

/// An online key: 64 hex digits, or a PEM file.
fn online_key(text: &str) -> Result<PublicKey, CommandError> {
    let is_hex = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_hex {
        return Ok(keys::load_public(Path::new(text))?);
    }
    let digit = |at: usize| u8::from_str_radix(&text[at..at + 2], 16).unwrap_or_default();
    let bytes: [u8; 32] = std::array::from_fn(|index| digit(2 * index));
    let key = PublicKey::from_bytes(&bytes).map_err(|source| keys::KeyFileError::Key {
        path: text.into(),
        source,
    })?;
    Ok(key)
}

fn text_of(path: &Path) -> Result<String, CommandError> {
    let bytes = files::read_limited(path, limits::TUF_FILE_BYTES)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}
