//! Signed notes, checkpoints, cosignatures and their keys.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::log::checkpoint::Checkpoint;
use registry_schema::log::note::{Note, SignerKey, VerifierKey, parse_signatures};
use registry_schema::log::policy::Policy;
use registry_schema_fuzz::LOG_POLICY;

fuzz_target!(|bytes: &[u8]| {
    if let Ok(note) = Note::parse(bytes) {
        assert_eq!(note.to_string().as_bytes(), bytes, "a note is one text");
        if let Ok(checkpoint) = Checkpoint::of_note(&note) {
            assert_eq!(Checkpoint::parse(&checkpoint.to_string()), Ok(checkpoint));
        }
        let _ = Policy::parse(LOG_POLICY).expect("a policy").check(&note);
    }
    let Ok(text) = std::str::from_utf8(bytes) else {
        return;
    };
    let _ = Checkpoint::parse(text);
    let _ = parse_signatures(text);
    if let Ok(key) = text.parse::<VerifierKey>() {
        assert_eq!(key.to_string().parse(), Ok(key));
    }
    if let Ok(key) = text.parse::<SignerKey>() {
        assert_eq!(key.to_text(), text);
    }
});
