//! Keeping the head.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};

use super::answer::{blocking, json, refuse};
use crate::head::HeadName;
use crate::label_app::LabelError;
use crate::label_app::accuracy::missing;
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::teaching::TrainingSet;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct SaveAsked {
    name: String,
}

#[derive(Serialize)]
struct SavedView {
    head: String,
    version: u32,
    path: String,
    /// What to type to use it, and to make the same again.
    commands: [CommandView; 3],
}

#[derive(Serialize)]
struct CommandView {
    /// What it does.
    words: &'static str,
    line: String,
}

/// `POST /api/save`
pub(super) async fn save(
    desk: web::Data<Desk>,
    request: HttpRequest,
    body: web::Bytes,
) -> HttpResponse {
    match json::<SaveAsked>(&request, &body) {
        Ok(asked) => blocking(desk, move |session| keep(session, &asked.name)).await,
        Err(error) => refuse(&error),
    }
}

fn keep(session: &Session, name: &str) -> Result<SavedView, LabelError> {
    if session.setup.extractor.is_demo {
        return Err(LabelError::DemoHead);
    }
    let name: HeadName = name.parse()?;
    let (setup, coverage) = (&session.setup, session.wishes().coverage);
    let set = TrainingSet::gathered(session).ok_or_else(|| missing(session))?;
    let head = set.train(&setup.extractor, name.clone(), coverage)?.head;
    let version = setup.heads.save(&head)?;
    let quoted = |path: &std::path::Path| quote(&path.display().to_string());
    let folder = setup
        .images
        .folder
        .as_deref()
        .map(quoted)
        .unwrap_or_default();
    let default = crate::head::TrainingSettings::default().coverage;
    let mut train = format!(
        "hub train {name} --extractor {} --images {folder} --labels {}",
        setup.extractor.release,
        quoted(&setup.journal)
    );
    if (coverage - default).abs() > f64::EPSILON {
        train.push_str(&format!(" --coverage {coverage}"));
    }
    let command = |words, line| CommandView { words, line };
    let predict = format!("hub predict {name} new/");
    let export = format!("hub head export {name} --format fused-onnx -o {name}.onnx");
    Ok(SavedView {
        head: name.to_string(),
        version,
        path: setup.heads.path(&name, version).display().to_string(),
        commands: [
            command("Answer the pictures of a folder, here new/", predict),
            command("Make one file of it for other programs (ONNX)", export),
            command("Make the same again from your labels", train),
        ],
    })
}

/// A word of a shell's command line.
fn quote(word: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-+=:@".contains(c);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    format!("'{}'", word.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_quoted_when_a_shell_would_take_them_apart() {
        assert_eq!(quote("/home/a/scans"), "/home/a/scans");
        assert_eq!(quote("my scans"), "'my scans'");
        assert_eq!(quote("it's"), r"'it'\''s'");
    }
}
