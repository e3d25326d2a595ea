//! What the commands do, one file per family. Each ends by showing an answer.
//!
//! Commands that are `async` talk to a hub; the others open no connection.

mod audit;
mod audit_tree;
mod audit_view;
mod bundle;
mod candidates;
mod choose;
mod chosen;
mod completions;
mod consortium;
mod consortium_view;
mod contents;
mod cosign;
mod doctor;
mod domain;
mod embed;
mod embedding;
mod ended_keys;
mod eval;
mod eval_view;
mod explore;
mod export;
mod extractor;
mod folder;
mod head;
mod import;
mod installed;
mod judged;
mod keygen;
mod known;
mod label;
mod labels;
mod login;
mod members_say;
mod members_view;
mod mirror;
mod monitor;
mod predict;
mod predict_view;
mod previews;
mod publish;
mod pull;
mod release_view;
mod search;
mod serve;
mod show;
mod statistics;
mod train;
mod train_view;
mod trust;
mod witness;

use crate::app::Outcome;
use crate::args::{Command, HeadCommand, WitnessCommand};
use crate::context::Context;
use crate::error::CommandError;

/// Does what was typed.
pub(crate) async fn run(command: Command, context: &Context) -> Result<Outcome, CommandError> {
    match command {
        Command::Login(args) => Box::pin(login::login(&args, context)).await,
        Command::Logout => login::logout(context),
        Command::Trust(args) => Box::pin(trust::trust(&args, context)).await,
        Command::Search(args) => Box::pin(search::search(&args, context)).await,
        Command::Show(args) => Box::pin(show::show(&args, context)).await,
        Command::Pull(args) => Box::pin(pull::pull(&args, context)).await,
        Command::List => installed::list(context),
        Command::Verify(args) => match &args.bundle {
            Some(folder) => Box::pin(bundle::verify(folder, args.root, context)).await,
            None => installed::verify(&args, context),
        },
        Command::Export(args) => bundle::export(&args, context),
        Command::Import(args) => Box::pin(import::import(&args, context)).await,
        Command::Mirror(args) => Box::pin(mirror::mirror(&args, context)).await,
        Command::Audit(args) => Box::pin(audit::audit(args, context)).await,
        Command::Rm(args) => installed::remove(&args, context),
        Command::Train(args) => train::train(&args, context),
        Command::Predict(args) => predict::predict(&args, context),
        Command::Eval(args) => eval::eval(&args, context),
        Command::Head(args) => match args.command {
            HeadCommand::List => head::list(context),
            HeadCommand::Show { head, head_version } => head::show(&head, head_version, context),
            HeadCommand::History(args) => head::history(&args, context),
            HeadCommand::Diff(args) => head::diff(&args, context),
            HeadCommand::Rollback(args) => head::rollback(&args, context),
            HeadCommand::Upgrade(args) => head::upgrade(&args, context),
            HeadCommand::Explain(args) => head::explain(&args, context),
            HeadCommand::Rm { head } => head::remove(&head, context),
            HeadCommand::Export(args) => export::export(&args, context),
        },
        Command::Similar(args) => explore::similar(&args, context),
        Command::Clusters(args) => explore::clusters(&args, context),
        Command::Outliers(args) => explore::outliers(&args, context),
        Command::Duplicates(args) => explore::duplicates(&args, context),
        Command::Map(args) => explore::map(&args, context),
        Command::Next(args) => explore::next(&args, context),
        Command::Choose(args) => choose::choose(&args, context),
        Command::Label(args) => Box::pin(label::label(args, context)).await,
        Command::Serve(args) => Box::pin(serve::serve(args, context)).await,
        Command::Labels(command) => labels::run(command, context),
        Command::Keygen(args) => keygen::keygen(&args, context),
        Command::Consortium(command) => Box::pin(consortium::run(command, context)).await,
        Command::Witness(WitnessCommand::Init(args)) => witness::init(&args, context),
        Command::Witness(WitnessCommand::Serve(args)) => {
            Box::pin(witness::serve(args, context)).await
        }
        Command::New(args) => folder::new(&args, context),
        Command::Extractor(command) => extractor::run(command, context),
        Command::Check(args) => Box::pin(folder::check(args, context)).await,
        Command::Publish(args) => Box::pin(publish::publish(&args, context)).await,
        Command::Cosign(args) => Box::pin(cosign::cosign(&args, context)).await,
        Command::Attest(args) => Box::pin(members_say::attest(&args, context)).await,
        Command::Advisory(args) => Box::pin(members_say::advisory(&args, context)).await,
        Command::Disown(args) => Box::pin(members_say::disown(&args, context)).await,
        Command::Yank(args) => Box::pin(publish::yank(&args, context)).await,
        Command::Doctor => Box::pin(doctor::doctor(context)).await,
        Command::Completions(args) => completions::completions(&args, context),
        Command::Reference => completions::reference(context),
        Command::Embed(args) => embed::embed(&args, context),
    }
}
