//! What values inside a foreign graph are, found by running it once.

use std::collections::HashMap;
use std::path::Path;

use registry_schema::onnx::KnownValue;
use registry_schema::onnx::write::Message;

use super::assembly::{Assembly, Needed, check, write};
use super::{ForgeError, GraphFile, ImageInput};
use crate::files::AtomicFile;
use crate::runtime::session::FoundTensor;
use crate::worker::Worker;

/// Where and how graphs are tried.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'a> {
    /// A folder for files that are gone when it is done.
    pub scratch: &'a Path,
    /// Runs them.
    pub worker: &'a Worker,
}

impl Bench<'_> {
    /// A graph in a file that is gone when it is dropped, once a release may hold it.
    fn written(
        &self,
        graph: &GraphFile,
        assembly: &Assembly,
        needed: &Needed<'_>,
        allows_control_flow: bool,
    ) -> Result<AtomicFile, ForgeError> {
        let mut file = AtomicFile::create(self.scratch.join("tried.onnx"))?;
        let pieces = assembly.file(graph.anatomy(), needed);
        write(&pieces, &mut [graph.reader()?], &mut file)?;
        check(file.written()?, allows_control_flow)?;
        Ok(file)
    }

    /// What follows of values for pictures of that size.
    pub(super) fn sized(
        &self,
        graph: &GraphFile,
        (image, size): (&ImageInput, (u32, u32)),
        values: &[&str],
        allows_control_flow: bool,
    ) -> Result<HashMap<String, KnownValue>, ForgeError> {
        let needed = Needed::new(graph.anatomy(), values.iter().copied());
        let assembly = outputs_of((image, size), values);
        let mut file = self.written(graph, &assembly, &needed, allows_control_flow)?;
        Ok(GraphFile::open(file.written()?)?.into_known())
    }

    /// Types and sides of values, the batch included, which is one.
    pub(super) fn measure(
        &self,
        graph: &GraphFile,
        (image, size): (&ImageInput, (u32, u32)),
        values: &[String],
        allows_control_flow: bool,
    ) -> Result<Vec<FoundTensor>, ForgeError> {
        let names: Vec<&str> = values.iter().map(String::as_str).collect();
        let needed = Needed::new(graph.anatomy(), names.iter().copied());
        let assembly = outputs_of((image, size), &names);
        let mut file = self.written(graph, &assembly, &needed, allows_control_flow)?;
        let path = file.written()?.to_owned();
        let (input, ..) = image.fields(size, FREE);
        let fed = (input.as_str(), image.sides(size, 1));
        Ok(self.worker.tensors(&path, fed, values)?)
    }
}

/// What the input is called where it must be another one than the graph's.
const FREE: &str = "hub/pictures";

/// A graph whose outputs are some of its values; their types are for the runtime to find.
fn outputs_of((image, size): (&ImageInput, (u32, u32)), values: &[&str]) -> Assembly {
    let (_, input, front) = image.fields(size, FREE);
    Assembly {
        inputs: vec![input],
        outputs: values
            .iter()
            .map(|value| Message::new().text(1, value))
            .collect(),
        front,
        ..Assembly::default()
    }
}
