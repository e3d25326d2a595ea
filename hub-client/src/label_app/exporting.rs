//! The head for other programs: each file is run on labelled images, as the world outside would run it, before
//! it is handed over.

use std::io::Write;
use std::path::PathBuf;

use ndarray::Axis;

use super::LabelError;
use super::accuracy::missing;
use super::session::Session;
use super::taking_away::Taken;
use super::teaching::{Lesson, TrainingSet};
use crate::files::{self, AtomicFile, FileError};
use crate::head::export::{
    Agreement, ExportMetadata, ExtractorGraph, LinearHead, Scores, extractor_texts,
};
use crate::worker::{ExportedForm, ExportedInput, Inputs};

/// Labelled images on which a file is run at most.
const CHECKED: usize = 200;

/// What a file takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Takes {
    /// The extractor's features.
    Features,
    /// The tensor that preprocessing makes.
    Tensor,
    /// A decoded image of any size.
    Image,
}

/// Features in, probabilities out.
pub(super) fn head_onnx(session: &Session) -> Result<Taken, LabelError> {
    if session.setup.extractor.is_demo {
        return Err(LabelError::DemoHead);
    }
    checked(session, Takes::Features)
}

/// A picture's tensor in, probabilities out.
pub(super) fn fused_onnx(session: &Session) -> Result<Taken, LabelError> {
    checked(session, Takes::Tensor)
}

/// A decoded image in, probabilities out.
pub(super) fn image_onnx(session: &Session) -> Result<Taken, LabelError> {
    checked(session, Takes::Image)
}

fn checked(session: &Session, takes: Takes) -> Result<Taken, LabelError> {
    let lesson = session.lesson().ok_or_else(|| missing(session))?;
    let folder = files::scratch_dir()?;
    let path = folder.path().join("head.onnx");
    let mut file = AtomicFile::create(&path)?;
    let form = write(session, &lesson, takes, &mut file)?;
    file.commit()?;
    let agreement = run(session, &lesson, &path, &form)?.finish()?;
    let (images, largest) = (agreement.images(), agreement.largest_difference());
    let checked = format!(
        "identical to what you saw: {images} of {images}, largest difference {largest:.0e}"
    );
    let bytes =
        std::fs::read(&path).map_err(|source| FileError::new("cannot read", &path, source))?;
    Ok(Taken {
        bytes,
        media_type: "application/octet-stream",
        checked: Some(checked),
    })
}

fn write(
    session: &Session,
    lesson: &Lesson,
    takes: Takes,
    file: &mut impl Write,
) -> Result<ExportedForm, LabelError> {
    let (extractor, head) = (&session.setup.extractor, &lesson.head);
    let name = session
        .setup
        .head
        .as_ref()
        .unwrap_or(head.name())
        .to_string();
    let release = head.extractor().to_string();
    let (digest, space) = (
        head.extractor().digest.to_string(),
        head.space().to_string(),
    );
    let extra = match takes {
        Takes::Features => Vec::new(),
        Takes::Tensor | Takes::Image => {
            extractor_texts(&extractor.files.spec.input, &extractor.origin.release)?
        }
    };
    let metadata = ExportMetadata {
        head: &name,
        head_version: None,
        extractor: &release,
        extractor_digest: &digest,
        feature_space: &space,
        feature_dimension: extractor.origin.dimension,
        extra: &extra,
    };
    let linear = LinearHead::from(head);
    if takes == Takes::Features {
        return Ok(ExportedForm::write_head(&linear, &metadata, file)?);
    }
    let (path, spec) = (&extractor.files.graph, &extractor.files.spec);
    let graph = ExtractorGraph::open(path, &spec.output.tensor)?;
    let front = (&spec.input, takes == Takes::Image);
    Ok(ExportedForm::write_fused(
        graph, front, &linear, &metadata, file,
    )?)
}

/// Runs a file on labelled images, confined as an extractor is, and compares what it says with what the head
/// says of their features.
fn run(
    session: &Session,
    lesson: &Lesson,
    path: &std::path::Path,
    form: &ExportedForm,
) -> Result<Agreement, LabelError> {
    let (images, features) = {
        let (labels, rows) = (session.labels(), session.rows());
        let mut images = TrainingSet::new(&labels, &rows).labelled;
        images.truncate(CHECKED);
        let features = rows.select(&images);
        (images, features)
    };
    let files = &session.setup.images.images;
    let head = &lesson.head;
    let seen = head.predict(features.view(), &head.space())?;
    let rows: Vec<Vec<f32>>;
    let paths: Vec<PathBuf>;
    let inputs = if let ExportedInput::Features { .. } = form.input {
        rows = features
            .axis_iter(Axis(0))
            .map(|row| row.to_vec())
            .collect();
        Inputs::Features(&rows)
    } else {
        paths = images
            .iter()
            .map(|&image| files[image].path.clone())
            .collect();
        Inputs::Pictures(&paths)
    };
    let mut agreement = Agreement::new(head.abstention().limits.clone());
    session
        .setup
        .worker
        .score(path, form, inputs, |index, found| {
            let name = &files[images[index]].name;
            agreement.compare(name, &Scores::predicted(&seen, index), &found);
            Ok::<(), LabelError>(())
        })?;
    Ok(agreement)
}
