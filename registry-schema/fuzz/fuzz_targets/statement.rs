//! Envelopes, statements, `model.sig`: as they come, and signed by members, so that every later check is reached.
#![no_main]
use std::sync::LazyLock;

use libfuzzer_sys::fuzz_target;
use registry_schema::envelope::Envelope;
use registry_schema::model_signing::ModelSignature;
use registry_schema::statement::Statement;
use registry_schema::verify::{
    Asked, VerifiedRelease, verify_advisory, verify_draft, verify_evaluation,
    verify_key_compromise, verify_release, verify_yank,
};
use registry_schema_fuzz::{ROOT, key};

static RELEASE: LazyLock<VerifiedRelease> = LazyLock::new(|| {
    let payload = include_bytes!("../seeds/statement/release");
    let envelope = Envelope::sign(payload.to_vec(), &[&key(1)]).to_bytes();
    verify_release(&*ROOT, &Asked::Anything, &envelope, 5).expect("the seed verifies")
});

fuzz_target!(|bytes: &[u8]| {
    let _ = Statement::parse(bytes);
    let _ = ModelSignature::parse(bytes);
    if let Ok(envelope) = Envelope::parse(bytes) {
        assert_eq!(
            Envelope::parse(&envelope.to_bytes()).expect("it was read"),
            envelope
        );
    }
    let signed = Envelope::sign(bytes.to_vec(), &[&key(1)]).to_bytes();
    for envelope in [bytes, &signed] {
        if let Ok(release) = verify_release(&*ROOT, &Asked::Anything, envelope, 5) {
            assert_eq!(release.envelope(), envelope);
        }
        let _ = verify_yank(&*ROOT, &RELEASE, envelope, 5);
        let _ = verify_evaluation(&*ROOT, &RELEASE, envelope, 5);
        let _ = verify_advisory(&*ROOT, &RELEASE.manifest().name, envelope, 5);
        let _ = verify_key_compromise(&*ROOT, envelope, 5);
        let _ = verify_draft(&*ROOT, envelope);
    }
});
