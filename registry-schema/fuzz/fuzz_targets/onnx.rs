//! The static inspection of a graph, and where its parts are.
#![no_main]
use std::io::Cursor;

use libfuzzer_sys::fuzz_target;
use registry_schema::onnx::{ControlFlow, InspectionPolicy, anatomy, inspect};

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
    if let Ok(parts) = anatomy(Cursor::new(bytes), bytes.len() as u64) {
        let places = parts.nodes.iter().map(|node| &node.at);
        let places = places.chain(parts.tensors.iter().map(|tensor| &tensor.at));
        for place in places.chain(parts.model.iter().map(|part| &part.at)) {
            assert!(place.start < place.end && place.end <= bytes.len() as u64);
        }
    }
});
