//! Log policies (C2SP tlog-policy).
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::log::note::Note;
use registry_schema::log::policy::Policy;

fuzz_target!(|text: &str| {
    // A policy, and after a NUL a note to judge by it.
    let (text, note) = text.split_once('\0').unwrap_or((text, ""));
    let Ok(policy) = Policy::parse(text) else {
        return;
    };
    assert_eq!(policy.text(), text);
    if let Ok(note) = Note::parse(note.as_bytes()) {
        let _ = policy.check(&note);
    }
});
