//! The static inspection of a graph.
#![no_main]
use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use registry_schema::onnx::{ControlFlow, InspectionPolicy, inspect};

fuzz_target!(|bytes: &[u8]| {
    for control_flow in [ControlFlow::Refused, ControlFlow::Allowed] {
        let policy = InspectionPolicy {
            control_flow,
            ..InspectionPolicy::default()
        };
        match inspect(Cursor::new(bytes), bytes.len() as u64, &policy) {
            Ok(inspection) => assert!(inspection.parameter_bytes <= bytes.len() as u64),
            Err(error) => assert!(error.to_string().len() < 4096, "words, not a dump"),
        }
    }
});
