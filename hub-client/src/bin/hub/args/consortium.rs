//! The consortium's trust root: founding, proposing, signing.

use std::path::PathBuf;

use clap::{Args, Subcommand};
use hub_client::consortium::{LogWitness, MemberKey, NameOwners};
use registry_schema::keys::KeyId;
use registry_schema::name::MemberName;

/// Commands about the consortium.
#[derive(Debug, Subcommand)]
pub(crate) enum ConsortiumCommand {
    /// Write the draft of a new consortium: members with their keys, names, log
    Init(InitArgs),
    /// Begin a change of the consortium: a draft on the newest state
    Propose(ProposeArgs),
    /// Take a member in, in a draft
    AddMember(AddMemberArgs),
    /// Let a member go, in a draft
    RemoveMember(RemoveMemberArgs),
    /// Give a member another trust key, in a draft: the old one is lost or stolen
    ReplaceKey(ReplaceKeyArgs),
    /// Say who owns a name of the consortium, in a draft
    SetOwners(SetOwnersArgs),
    /// Say which witnesses cosign the log, in a draft
    SetWitnesses(SetWitnessesArgs),
    /// Sign a draft with your trust key, or take the signatures of other copies of it
    Sign(SignDraftArgs),
    /// Publish a draft that enough members have signed
    Publish(PublishDraftArgs),
    /// Change your own keys, which nobody else has to sign
    RotateKeys(RotateKeysArgs),
    /// Show members, keys and names, or what a draft proposes and who has signed it
    Show(ShowDraftArgs),
}

/// `hub consortium init`
#[derive(Debug, Args)]
#[command(after_help = "\
The draft passes from member to member: each signs it on its own machine (`hub consortium sign`).
When enough have, the hub is made from it (`hub-server init --root DRAFT`). The keys of the hub are
made before, by `hub-server keys`. More than half of the members sign a change, never all of them, so
that one lost key is no disaster; --threshold names another number.

Examples:
  hub consortium init --name border-guild \\
    --member alpha=alpha.pub.pem --member beta=beta.pub.pem --member gamma=gamma.pub.pem \\
    --own passport-extractor=alpha,beta:2 \\
    --log hub.example.org/log+b30413d9+Aep… --online-key 4cb5abf6… --output consortium.draft
  hub consortium init --from-policy consortium.toml --log … --online-key …")]
pub(crate) struct InitArgs {
    /// What the consortium calls itself
    #[arg(long, required_unless_present = "from_policy")]
    pub(crate) name: Option<String>,
    /// A member and the file of its public trust key; repeatable
    #[arg(
        long = "member",
        value_name = "MEMBER=KEY",
        required_unless_present = "from_policy"
    )]
    pub(crate) members: Vec<MemberKey>,
    /// A name of the consortium, its owners, and how many of them must sign; repeatable
    #[arg(long = "own", value_name = "NAME=OWNER[,OWNER][:N]")]
    pub(crate) names: Vec<NameOwners>,
    /// How many members sign a change
    #[arg(long, value_name = "M")]
    pub(crate) threshold: Option<usize>,
    /// The log's key, as `hub-server keys` prints it
    #[arg(long, value_name = "KEY", required_unless_present = "log_policy")]
    pub(crate) log: Option<String>,
    /// The whole log policy (C2SP tlog-policy) instead: log, witnesses, quorum
    #[arg(long, value_name = "FILE", conflicts_with = "log")]
    pub(crate) log_policy: Option<PathBuf>,
    /// The hub's online key: its file, or as `hub-server keys` prints it
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) online_key: String,
    /// Take members, keys and names from the policy file of the first version
    #[arg(long, value_name = "FILE", conflicts_with_all = ["name", "members", "names"])]
    pub(crate) from_policy: Option<PathBuf>,
    /// Where to write the draft
    #[arg(long, short, value_name = "FILE", default_value = "consortium.draft")]
    pub(crate) output: PathBuf,
}

/// `hub consortium propose`
#[derive(Debug, Args)]
#[command(after_help = "\
By itself the draft renews what the members signed for another 180 days (the root for 365). Other
commands change what it proposes; each change needs the signatures anew.

Examples:
  hub consortium propose
  hub consortium propose --threshold 3 --output summer.draft")]
pub(crate) struct ProposeArgs {
    /// How many members sign a change from then on
    #[arg(long, value_name = "M")]
    pub(crate) threshold: Option<usize>,
    /// Another online key of the hub: its file, or as `hub-server keys` prints it
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) online_key: Option<String>,
    /// Where to write the draft
    #[arg(long, short, value_name = "FILE", default_value = "consortium.draft")]
    pub(crate) output: PathBuf,
}

/// `hub consortium add-member`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub consortium add-member consortium.draft delta=delta.pub.pem
  hub consortium add-member consortium.draft delta=delta.pub.pem --from 120")]
pub(crate) struct AddMemberArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// The member and the file of its public trust key
    #[arg(value_name = "MEMBER=KEY")]
    pub(crate) member: MemberKey,
    #[command(flatten)]
    pub(crate) from: FromArgs,
}

/// `hub consortium remove-member`
#[derive(Debug, Args)]
#[command(after_help = "\
What it signed before stays valid. Its names need other owners first.

Examples:
  hub consortium remove-member consortium.draft beta
  hub consortium remove-member consortium.draft beta --from 200")]
pub(crate) struct RemoveMemberArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// Who goes
    #[arg(value_name = "MEMBER")]
    pub(crate) member: MemberName,
    #[command(flatten)]
    pub(crate) from: FromArgs,
}

/// `hub consortium replace-key`
#[derive(Debug, Args)]
#[command(after_help = "\
The other members sign with their keys, the member itself with its new one.

Examples:
  hub consortium replace-key consortium.draft beta=new.pub.pem")]
pub(crate) struct ReplaceKeyArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// The member and the file of its new public trust key
    #[arg(value_name = "MEMBER=KEY")]
    pub(crate) member: MemberKey,
}

/// `hub consortium set-owners`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub consortium set-owners consortium.draft passport-extractor=alpha,gamma:2
  hub consortium set-owners consortium.draft passport-extractor=alpha,gamma:2 --from 200")]
pub(crate) struct SetOwnersArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// The name, its owners, and how many of them must sign
    #[arg(value_name = "NAME=OWNER[,OWNER][:N]")]
    pub(crate) owners: NameOwners,
    #[command(flatten)]
    pub(crate) from: FromArgs,
}

/// From where in the log a change holds.
#[derive(Clone, Copy, Debug, Args)]
pub(crate) struct FromArgs {
    /// The log index from which it holds; the hub's log is asked for its size when absent. Name one
    /// ahead of the log when others have to sign: the hub refuses a change of what it has logged
    /// meanwhile
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
}

/// `hub consortium set-witnesses`
#[derive(Debug, Args)]
#[command(after_help = "\
Clients believe no checkpoint of the log that fewer than the quorum have cosigned. The hub asks new
witnesses as soon as it has taken the change.

Examples:
  hub consortium set-witnesses consortium.draft --quorum 2 \\
    --witness w1=w1.example.net+63fbd762+BP0X…,https://w1.example.net \\
    --witness w2=w2.example.net+9c2c1f8e+BCk5…,https://w2.example.net \\
    --witness w3=w3.example.net+1f0ab944+BJ0w…,https://w3.example.net
  hub consortium set-witnesses consortium.draft --quorum 0")]
pub(crate) struct SetWitnessesArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// A witness, its key and its address; repeatable
    #[arg(long = "witness", value_name = "NAME=KEY[,URL]")]
    pub(crate) witnesses: Vec<LogWitness>,
    /// How many of them must cosign; 0 with no witness at all
    #[arg(long, value_name = "K")]
    pub(crate) quorum: usize,
}

/// `hub consortium sign`
#[derive(Debug, Args)]
#[command(after_help = "\
Read what you sign first: `hub consortium show DRAFT`. A new member's keyring is made on the way, of
the keys given with --statement-key, or of the signing key alone.

Examples:
  hub consortium sign consortium.draft --key trust
  hub consortium sign consortium.draft --key trust --statement-key default
  hub consortium sign consortium.draft --merge from-beta.draft --merge from-gamma.draft")]
pub(crate) struct SignDraftArgs {
    /// The draft; it is changed in place
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
    /// Your trust key: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", required_unless_present = "merge")]
    pub(crate) key: Option<String>,
    /// A key with which you will sign releases: its name, or the file of its public half; repeatable
    #[arg(long = "statement-key", value_name = "NAME|FILE", requires = "key")]
    pub(crate) statement_keys: Vec<String>,
    /// Another copy of the draft, whose signatures are taken over; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) merge: Vec<PathBuf>,
}

/// `hub consortium publish`
#[derive(Debug, Args)]
#[command(after_help = "\
The hub refuses what its clients would refuse, and what would undo what was logged while the draft
went round, and says why.

Examples:
  hub consortium publish consortium.draft")]
pub(crate) struct PublishDraftArgs {
    /// The draft
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: PathBuf,
}

/// `hub consortium rotate-keys`
#[derive(Debug, Args)]
#[command(after_help = "\
Keys count for ranges of log indexes. A key that was stolen is retired with --until, the first bad
index: what it signed before stays valid, everything after is refused. Without a change the keyring
is renewed for another 365 days.

Examples:
  hub consortium rotate-keys --member alpha --key trust --add new.pub.pem
  hub consortium rotate-keys --member alpha --key trust --retire 4b1c… --until 120 --note stolen
  hub consortium rotate-keys --member alpha --key trust --output keys.draft")]
pub(crate) struct RotateKeysArgs {
    /// Whose keys
    #[arg(long, value_name = "MEMBER")]
    pub(crate) member: MemberName,
    /// Your trust key: its name, or the path of its file
    #[arg(long, value_name = "NAME|FILE", default_value = "default")]
    pub(crate) key: String,
    /// A key for releases and other statements: its name, or the file of its public half; repeatable
    #[arg(long, value_name = "NAME|FILE")]
    pub(crate) add: Vec<String>,
    /// A public key (ECDSA P-256) for `model.sig`; repeatable
    #[arg(long, value_name = "FILE")]
    pub(crate) add_model_signing: Vec<PathBuf>,
    /// A key that no longer counts; repeatable
    #[arg(long, value_name = "KEY-ID")]
    pub(crate) retire: Vec<KeyId>,
    /// The first log index at which retired keys no longer count; from now on when absent
    #[arg(long, value_name = "INDEX", requires = "retire")]
    pub(crate) until: Option<u64>,
    /// The first log index at which added keys count; from now on when absent
    #[arg(long, value_name = "INDEX")]
    pub(crate) from: Option<u64>,
    /// Why, for everybody
    #[arg(long, value_name = "TEXT")]
    pub(crate) note: Option<String>,
    /// Write a draft for `hub consortium publish` instead of publishing
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}

/// `hub consortium show`
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  hub consortium show
  hub consortium show consortium.draft --json")]
pub(crate) struct ShowDraftArgs {
    /// A draft; the kept trust root when absent
    #[arg(value_name = "DRAFT")]
    pub(crate) draft: Option<PathBuf>,
}
