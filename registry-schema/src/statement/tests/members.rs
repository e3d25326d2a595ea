//! What single members say: evaluations, advisories, key compromises.

use super::*;
use crate::keys::SecretKey;
use crate::limits;
use crate::reference::Reference;

fn class(class: &str, images: u32, correct: u32) -> ClassFigures {
    ClassFigures {
        class: class.into(),
        images,
        correct,
    }
}

fn figures() -> Figures {
    Figures::new(
        vec![class("passport", 40, 39), class("visa", 20, 17)],
        0.214_159_265,
    )
    .unwrap()
}

pub(crate) fn evaluation() -> EvaluationStatement {
    let before: Reference = "acme/passport-extractor@2.0.0".parse().unwrap();
    let weaker = Figures::new(vec![class("passport", 40, 36), class("visa", 20, 15)], 0.4);
    EvaluationStatement {
        by: "beta".parse().unwrap(),
        name: "acme/passport-extractor".parse().unwrap(),
        version: Version::new(2, 1, 0),
        content: release().content_digest(),
        statement: Digest::of(&release().to_payload()),
        verdict: Verdict::Passed,
        task: "passports and visas photographed with phones".into(),
        figures: figures(),
        comparison: Some(Comparison::new(before, Digest::of(b"before"), &weaker.unwrap()).unwrap()),
        sequence: 1,
    }
}

pub(crate) fn advisory() -> AdvisoryStatement {
    AdvisoryStatement {
        by: "beta".parse().unwrap(),
        name: "acme/passport-extractor".parse().unwrap(),
        version: Version::new(2, 1, 0),
        content: release().content_digest(),
        number: 1,
        sequence: 1,
        action: AdvisoryAction::Open,
        severity: Severity::High,
        title: "Blind to visas with a glossy cover".into(),
        text: "Features of glossy pages are all alike.\nTilt the page, or wait for 2.1.1.".into(),
        affected: AffectedVersions {
            introduced: Version::new(2, 0, 0),
            last_affected: None,
            fixed_in: Some(Version::new(2, 1, 1)),
        },
    }
}

pub(crate) fn key_compromise() -> KeyCompromiseStatement {
    KeyCompromiseStatement {
        member: "acme".parse().unwrap(),
        key_id: SecretKey::from_seed(&[1; 32]).public().id(),
        from_index: 1_234,
        reason: "a laptop was stolen".into(),
    }
}

fn text(payload: Vec<u8>) -> String {
    String::from_utf8(payload).unwrap()
}

#[test]
fn an_evaluation_round_trips() {
    let evaluation = evaluation();
    let parsed = Statement::parse(&evaluation.to_payload()).unwrap();
    insta::assert_snapshot!(text(evaluation.to_payload()));
    assert_eq!(parsed, Statement::Evaluation(Box::new(evaluation)));
}

#[test]
fn an_advisory_round_trips() {
    let advisory = advisory();
    let parsed = Statement::parse(&advisory.to_payload()).unwrap();
    insta::assert_snapshot!(text(advisory.to_payload()));
    assert_eq!(parsed, Statement::Advisory(Box::new(advisory)));
}

#[test]
fn a_key_compromise_round_trips() {
    let compromise = key_compromise();
    let parsed = Statement::parse(&compromise.to_payload()).unwrap();
    insta::assert_snapshot!(text(compromise.to_payload()));
    assert_eq!(parsed, Statement::KeyCompromise(compromise));
}

#[test]
fn figures_follow_from_counts() {
    let figures = figures();
    assert_eq!(figures.images(), 60);
    assert_eq!(figures.accuracy(), 0.933_333);
    // (39/40 + 17/20) / 2
    assert_eq!(figures.balanced_accuracy(), 0.9125);
    assert_eq!(figures.log_loss(), 0.214_159);
    // Wilson for 56 of 60 at 1.959964.
    let interval = figures.accuracy_interval();
    assert!((interval.low - 0.840_7).abs() < 1e-4, "{interval:?}");
    assert!((interval.high - 0.973_8).abs() < 1e-4, "{interval:?}");
}

#[test]
fn figures_that_cannot_be_are_refused() {
    let refused = |classes: Vec<ClassFigures>, log_loss: f64| {
        Figures::new(classes, log_loss).unwrap_err().to_string()
    };
    let two = || vec![class("a", 2, 1), class("b", 2, 2)];
    assert!(refused(two()[..1].to_vec(), 0.1).contains("classes"));
    let many = (0..=limits::EVALUATION_CLASSES).map(|i| class(&i.to_string(), 1, 1));
    assert!(refused(many.collect(), 0.1).contains("classes"));
    assert!(refused(vec![class("a", 2, 1), class("a", 2, 2)], 0.1).contains("twice"));
    assert!(refused(vec![class("a", 2, 1), class("b", 0, 0)], 0.1).contains("no images"));
    assert!(refused(vec![class("a", 2, 1), class("b", 2, 3)], 0.1).contains("more were right"));
    assert!(refused(vec![class("a", 2, 1), class("b\x1b[2J", 2, 2)], 0.1).contains("control"));
    assert!(refused(vec![class("a", 2, 1), class(" ", 2, 2)], 0.1).contains("name of a class"));
    for bad in [f64::NAN, f64::INFINITY, -0.1, 101.0] {
        assert!(refused(two(), bad).contains("log loss"), "{bad}");
    }
}

/// Every change is refused, and the message names what is wrong.
fn refuses(good: &str, changes: &[(&str, &str, &str)]) {
    for (from, to, why) in changes {
        let changed = good.replacen(from, to, 1);
        assert_ne!(changed, good, "{from} must occur");
        let mut error: Box<dyn std::error::Error> =
            Box::new(Statement::parse(changed.as_bytes()).unwrap_err());
        let mut said = error.to_string();
        while let Some(source) = error.source() {
            said.push_str(&source.to_string());
            error = source.to_string().into();
        }
        assert!(said.contains(why), "`{said}` should mention `{why}`");
    }
}

#[test]
fn evaluations_that_contradict_themselves_are_refused() {
    let other = Digest::of(b"other");
    let statement = evaluation().statement;
    let moved = format!("\"statement\":\"{other}\"");
    let said = format!("\"statement\":\"{statement}\"");
    refuses(
        &text(evaluation().to_payload()),
        &[
            ("\"accuracy\":0.933333", "\"accuracy\":0.95", "accuracy"),
            ("\"images\":60", "\"images\":61", "number of images"),
            ("\"low\":0.84", "\"low\":0.85", "lower end"),
            ("\"high\":0.97", "\"high\":0.98", "upper end"),
            (
                "\"balanced_accuracy\":0.9125",
                "\"balanced_accuracy\":0.92",
                "balanced",
            ),
            ("\"correct\":39", "\"correct\":41", "more were right"),
            ("\"log_loss\":0.214159", "\"log_loss\":1e300", "log loss"),
            ("\"log_loss\":0.4", "\"log_loss\":-1", "log loss"),
            ("\"result\":\"PASSED\"", "\"result\":\"GREAT\"", "read"),
            (&said, &moved, "configuration"),
            ("\"v\":1", "\"v\":2", "hub.v"),
            ("\"sequence\":1", "\"sequence\":0", "sequence"),
            ("\"task\":\"passports", "\"task\":\"\\u001b", "control"),
            ("@2.0.0", "@2", "comparison.release"),
            (
                &Digest::of(b"before").to_string(),
                &statement.to_string(),
                "itself",
            ),
            ("extractor@2.1.0", "extractor@2.1.1", "subject"),
            ("\"by\":\"beta\"", "\"by\":\"Beta\"", "read"),
            ("\"task\":", "\"images_of_people\":[],\"task\":", "read"),
            (
                "\"result\":",
                "\"url\":\"https://x.example\",\"result\":",
                "read",
            ),
        ],
    );
}

#[test]
fn advisories_and_key_compromises_that_cannot_be_are_refused() {
    refuses(
        &text(advisory().to_payload()),
        &[
            ("\"number\":1", "\"number\":0", "number"),
            ("\"sequence\":1", "\"sequence\":0", "sequence"),
            ("\"severity\":\"high\"", "\"severity\":\"mild\"", "read"),
            (
                "\"fixed_in\":\"2.1.1\"",
                "\"fixed_in\":\"2.1.0\"",
                "not among",
            ),
            ("\"fixed_in\":\"2.1.1\"", "\"fixed_in\":\"1.0.0\"", "fixed"),
            ("\"title\":\"Blind", "\"title\":\"Blind\\nor not", "control"),
            ("alike.\\n", "alike.\\u0007", "control"),
            ("extractor@2.1.0", "extractor@2.1.1", "subject"),
            ("\"text\":", "\"remote_code\":1,\"text\":", "read"),
        ],
    );
    let key = key_compromise().key_id.to_string();
    refuses(
        &text(key_compromise().to_payload()),
        &[
            (
                &format!("\"key_id\":\"{key}"),
                &format!("\"key_id\":\"{}", Digest::of(b"x").to_hex()),
                "subject",
            ),
            ("\"from_index\":1234", "\"from_index\":-1", "read"),
            ("\"member\":\"acme\"", "\"member\":\"beta\"", "subject"),
            ("a laptop was stolen", " ", "reason"),
        ],
    );
}

#[test]
fn prose_past_its_limit_is_refused() {
    let long = AdvisoryStatement {
        text: "x".repeat(limits::ADVISORY_TEXT_CHARACTERS + 1),
        ..advisory()
    };
    let error = Statement::parse(&long.to_payload()).unwrap_err();
    assert!(error.to_string().contains("text has 8001"), "{error}");
    let fits = AdvisoryStatement {
        text: "\u{1F4C4}".repeat(limits::ADVISORY_TEXT_CHARACTERS),
        ..advisory()
    };
    let envelope =
        crate::envelope::Envelope::sign(fits.to_payload(), &[&SecretKey::from_seed(&[1; 32])]);
    assert!(envelope.to_bytes().len() <= limits::ENVELOPE_BYTES);
}

fn any_class() -> impl Strategy<Value = (String, u32, u32)> {
    ("[^\\p{Cc}]{0,12}[a-z]", 1u32.., any::<u32>())
}

proptest! {
    #[test]
    fn evaluations_round_trip(
        classes in proptest::collection::vec(any_class(), 2..20),
        log_loss in 0.0..100.0_f64,
        task in "[^\\p{Cc}]{0,40}[a-z]",
        sequence in 1u64..,
        verdict in proptest::sample::select(vec![
            Verdict::Passed, Verdict::Warned, Verdict::Failed,
        ]),
        is_compared in any::<bool>(),
    ) {
        let classes = classes.into_iter().enumerate().map(|(index, (name, images, correct))| {
            ClassFigures {
                class: format!("{name}{index}"),
                images,
                correct: if images == u32::MAX { correct } else { correct % (images + 1) },
            }
        });
        let example = evaluation();
        let said = EvaluationStatement {
            verdict,
            task,
            figures: Figures::new(classes.collect(), log_loss).unwrap(),
            comparison: example.comparison.clone().filter(|_| is_compared),
            sequence,
            ..example
        };
        let payload = said.to_payload();
        let Statement::Evaluation(read) = Statement::parse(&payload).unwrap() else {
            panic!("an evaluation was written");
        };
        prop_assert_eq!(&*read, &said);
        prop_assert_eq!(read.to_payload(), payload);
        let interval = read.figures.accuracy_interval();
        prop_assert!(interval.low <= read.figures.accuracy() + 1e-6);
        prop_assert!(read.figures.accuracy() <= interval.high + 1e-6);
    }

    #[test]
    fn advisories_round_trip(
        text in "[^\\p{Cc}]{0,80}(\n[a-z ]{0,20}){0,3}[a-z]",
        title in "[^\\p{Cc}]{0,40}[a-z]",
        (first, length, beyond) in (0u64..50, 0u64..50, 1u64..50),
        (number, sequence) in (1u64.., 1u64..),
        (has_last, has_fix) in any::<(bool, bool)>(),
    ) {
        let said = AdvisoryStatement {
            text,
            title,
            number,
            sequence,
            version: Version::new(2, first, 0),
            affected: AffectedVersions {
                introduced: Version::new(2, first, 0),
                last_affected: has_last.then(|| Version::new(2, first + length, 0)),
                fixed_in: has_fix.then(|| Version::new(2, first + length + beyond, 0)),
            },
            ..advisory()
        };
        let payload = said.to_payload();
        prop_assert_eq!(
            Statement::parse(&payload).unwrap(),
            Statement::Advisory(Box::new(said))
        );
    }

    #[test]
    fn one_changed_byte_never_panics(at in 0usize..4000, byte in any::<u8>()) {
        for mut payload in [
            evaluation().to_payload(),
            advisory().to_payload(),
            key_compromise().to_payload(),
        ] {
            let at = at % payload.len();
            payload[at] = byte;
            if let Ok(read) = Statement::parse(&payload) {
                // What is read again is what is written again, up to spaces.
                let again = match read.clone() {
                    Statement::Evaluation(one) => one.to_payload(),
                    Statement::Advisory(one) => one.to_payload(),
                    Statement::KeyCompromise(one) => one.to_payload(),
                    other => panic!("{}", other.kind()),
                };
                prop_assert_eq!(Statement::parse(&again).unwrap(), read);
            }
        }
    }
}
