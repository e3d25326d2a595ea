//! Every size and count that is taken from outside, named, with its reason.
//!
//! A number that arrives over the network or in a file is compared with one of these before
//! anything is allocated or looped over.

/// Longest signed envelope, in bytes. An entry of a C2SP `tlog-tiles` log carries its length in two
/// bytes, so an envelope must fit to be loggable.
pub const ENVELOPE_BYTES: usize = 65_535;

/// Longest `model.sig`, in bytes: a payload that fits an envelope, and what is around it.
pub const MODEL_SIGNATURE_BYTES: usize = 70_000;

/// Most signatures looked at in one envelope: one for each owner of a name.
pub const SIGNATURES: usize = 16;

/// Most files in one release.
pub const FILES: usize = 200;

/// Longest path of a file inside a release, in bytes.
pub const FILE_NAME_BYTES: usize = 200;

/// Largest single file of a release: 16 GiB, four times the largest vision backbone in common use.
pub const FILE_BYTES: u64 = 16 << 30;

/// Largest sum of the files of one release: 32 GiB.
pub const RELEASE_BYTES: u64 = 32 << 30;

/// Smallest blob that is put together from an earlier one, 1 MiB: a smaller one comes with its first answer.
pub const DELTA_BYTES: u64 = 1 << 20;

/// Most parts of such a blob: 4 GiB, of which every other 64 KiB have changed. They take some 3 MB of an answer.
pub const DELTA_PARTS: usize = 65_536;

/// Most entries of a pack (`hub export -o`): twice the files of a release, a thousand yanks with their proofs
/// and the largest trust root there can be.
pub const PACK_ENTRIES: usize = 16_384;

/// Largest pack: the largest release, and 1 GiB for its statements and the trust root.
pub const PACK_BYTES: u64 = RELEASE_BYTES + (1 << 30);

/// Longest name of an entry of a pack, in bytes: [`FILE_NAME_BYTES`] and the folder around it.
pub const PACK_NAME_BYTES: usize = 256;

/// Largest card (`README.md`), 1 MiB: it is held in memory to be shown.
pub const CARD_BYTES: u64 = 1 << 20;

/// Largest probe vector file (`probes/vectors.json`), 16 MiB: 64 probes of 20,000 dimensions.
pub const PROBE_VECTORS_BYTES: u64 = 16 << 20;

/// Largest file of statistics (`statistics.json`), 8 MiB: a mean and 64 axes of 4,096 numbers, twice over.
pub const STATISTICS_BYTES: u64 = 8 << 20;

/// Most principal axes of such statistics.
pub const STATISTICS_AXES: usize = 64;

/// Longest features that statistics are made for: the covariance of 4,096 dimensions takes 128 MiB.
pub const STATISTICS_DIMENSIONS: u32 = 4_096;

/// Fewest images that statistics are made from, and fewest that their distances are measured on: with
/// fewer there is no one farthest in a hundred, and a mean would tell of single images.
pub const STATISTICS_IMAGES_MINIMUM: u64 = 100;

/// Largest probe image, 2 MiB.
pub const PROBE_IMAGE_BYTES: u64 = 2 << 20;

/// Most pixels of a probe image, one megapixel: all probes of a release are held in memory at once,
/// and a small PNG can unfold to a thousand times its size.
pub const PROBE_IMAGE_PIXELS: u64 = 1 << 20;

/// Most probe images in one release.
pub const PROBES: usize = 64;

/// Fewest probe images: one picture can agree by accident.
pub const PROBES_MINIMUM: usize = 3;

/// Largest feature dimension.
pub const DIMENSIONS: u32 = 65_536;

/// Largest input side, in pixels.
pub const INPUT_SIDE: u32 = 8_192;

/// Most pixels of an image that is decoded, before anything is allocated: 256 megapixels, past the
/// largest medium-format cameras.
pub const IMAGE_PIXELS: u64 = 1 << 28;

/// Longest side of an image that is decoded, 262,144 pixels: the weights of a resize grow with the
/// side, not with the pixels, so that a picture one pixel high could ask for tens of gigabytes.
pub const IMAGE_SIDE: u32 = 1 << 18;

/// Largest `root.json` of the trust root, in bytes; the reference client of TUF takes no more.
pub const TUF_ROOT_BYTES: u64 = 512_000;

/// Largest `timestamp.json` of the trust root, in bytes; as the reference client of TUF.
pub const TUF_TIMESTAMP_BYTES: u64 = 16_384;

/// Largest `snapshot.json` of the trust root, in bytes; as the reference client of TUF.
pub const TUF_SNAPSHOT_BYTES: u64 = 2_000_000;

/// Largest `targets.json` of the trust root or of one member's keyring, in bytes; as the reference
/// client of TUF.
pub const TUF_TARGETS_BYTES: u64 = 5_000_000;

/// Largest file that the trust root names (`consortium.json`, `log.policy`, a keyring), 1 MiB: a
/// thousand members, or a thousand keys of one.
pub const TUF_FILE_BYTES: u64 = 1 << 20;

/// Most versions of `root.json` that a client follows in one go: twenty years of a change a week.
pub const TUF_ROOT_ROTATIONS: u32 = 1_024;

/// Most members of a consortium.
pub const MEMBERS: usize = 1_000;

/// Largest draft of a change to the trust root, 16 MiB: root, targets and every member's keyring.
pub const DRAFT_BYTES: u64 = 16 << 20;

/// Largest whole state of a trust root in one file, 64 MiB: every root, and everybody's keyring.
pub const TRUST_BUNDLE_BYTES: u64 = 64 << 20;

/// The list of what a mirror holds, 64 MiB: some 200,000 releases.
pub const MIRROR_LIST_BYTES: u64 = 64 << 20;

/// Longest line of prose in a manifest (`summary`), in characters.
pub const SUMMARY_CHARACTERS: usize = 200;

/// Most tags of one extractor.
pub const TAGS: usize = 32;

/// Longest reason of a yank, in characters.
pub const REASON_CHARACTERS: usize = 1_000;

/// Longest description of the task of an evaluation, in characters.
pub const TASK_CHARACTERS: usize = 500;

/// Most classes of an evaluation: with names of 100 bytes they fit an envelope twice over.
pub const EVALUATION_CLASSES: usize = 200;

/// Longest name of a class, in characters.
pub const CLASS_CHARACTERS: usize = 100;

/// Longest title of an advisory, in characters: one line of a listing.
pub const ADVISORY_TITLE_CHARACTERS: usize = 120;

/// Longest text of an advisory, in characters: four bytes each and base64 still fit an envelope.
pub const ADVISORY_TEXT_CHARACTERS: usize = 8_000;

/// Most bytes that one member's statements about one thing (evaluations of a release, advisories about
/// a name, keys taken back) take in an answer, 512 KiB, each with [`LISTED_PROOF_BYTES`]: those of
/// 32 members fit [`RESPONSE_BYTES`], and a hub takes no more than fit. New ones have half of it, some
/// twenty of usual length; the other half is for closing them.
pub const MEMBER_STATEMENT_BYTES: usize = 512 << 10;

/// Room for the proof of a statement in a list of them, 8 KiB: [`PROOF_HASHES`] hashes in base64 (3
/// KiB), and a checkpoint with the cosignatures of thirty witnesses.
pub const LISTED_PROOF_BYTES: usize = 8 << 10;

/// Longest entry of the log, in bytes: entry bundles write its length in two bytes.
pub const ENTRY_BYTES: usize = 65_535;

/// Most entries of a log. A signed 64-bit column holds the number, and no log comes near it.
pub const LOG_ENTRIES: u64 = i64::MAX as u64;

/// Largest signed note, 128 KiB: a checkpoint with [`NOTE_SIGNATURES`] signatures, also when some of
/// them are post-quantum ones of 5 kB.
pub const NOTE_BYTES: usize = 128 << 10;

/// Most signatures of a note. The specification asks for at least 16.
pub const NOTE_SIGNATURES: usize = 64;

/// Longest name of a key in a note, in bytes.
pub const KEY_NAME_BYTES: usize = 255;

/// Most hashes of an inclusion or consistency proof: one for each level of the largest tree.
pub const PROOF_HASHES: usize = 63;

/// Largest `extra` line of a `.tlog-proof` file, 16 KiB decoded.
pub const PROOF_EXTRA_BYTES: usize = 16 << 10;

/// Largest `.tlog-proof` file: its lines and the checkpoint.
pub const PROOF_FILE_BYTES: usize = NOTE_BYTES + (32 << 10);

/// Largest log policy, 64 KiB.
pub const LOG_POLICY_BYTES: usize = 64 << 10;

/// Oldest checkpoint that a client believes to be a log's newest, in seconds: three days since a quorum
/// of witnesses last saw it. A hub has a quiet log cosigned anew every ten minutes; the rest is for witnesses
/// that are away over a weekend.
pub const CHECKPOINT_AGE_SECONDS: u64 = 3 * 24 * 3600;

/// Most logs, most witnesses and most groups of a log policy. The specification asks for at least 32.
pub const LOG_POLICY_NAMES: usize = 64;

/// Most rows of one page of a listing.
pub const PAGE_ROWS: u32 = 200;

/// Longest API body other than blobs and envelopes, in bytes, that a client accepts.
pub const RESPONSE_BYTES: usize = 16 << 20;
