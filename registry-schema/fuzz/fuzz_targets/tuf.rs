//! The trust root: single roles and files, whole bundles, drafts that members pass on.
#![no_main]
use libfuzzer_sys::fuzz_target;
use registry_schema::tuf::Signed;
use registry_schema::tuf::bundle::Bundle;
use registry_schema::tuf::draft::Draft;
use registry_schema::tuf::files::{ConsortiumFile, KeyringFile};
use registry_schema::tuf::metadata::{Role, Root, Snapshot, Targets, TimestampRole};
use registry_schema_fuzz::{BUNDLE, NOW};

fuzz_target!(|text: &str| {
    role::<Root>(text);
    role::<Targets>(text);
    role::<Snapshot>(text);
    role::<TimestampRole>(text);
    let _ = ConsortiumFile::parse(text);
    let _ = KeyringFile::parse(&"acme".parse().expect("a name"), text);
    if let Ok(bundle) = Bundle::parse(text) {
        let _ = bundle.verify(&bundle.anchor(), NOW);
        let _ = bundle.verify(&BUNDLE.anchor(), NOW);
    }
    if let Ok(draft) = Draft::parse(text) {
        let again = draft.to_text().expect("it was read");
        let again = Draft::parse(&again).expect("it was written");
        let _ = (
            again.status(),
            again.plan(),
            BUNDLE.accept(&again, &registry_schema_fuzz::key(200), NOW),
        );
    }
});

fn role<T: Role>(text: &str) {
    if let Ok(signed) = Signed::<T>::parse("fuzz.json", text) {
        let again = signed.to_text().expect("it was read");
        assert!(Signed::<T>::parse("fuzz.json", &again).is_ok());
    }
}
