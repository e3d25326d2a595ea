//! Files to take away.

use actix_web::http::header::CONTENT_DISPOSITION;
use actix_web::{HttpResponse, web};

use super::answer::refuse;
use crate::label_app::LabelError;
use crate::label_app::exporting::{fused_onnx, head_onnx, image_onnx};
use crate::label_app::server::Desk;
use crate::label_app::session::Session;
use crate::label_app::taking_away::{Taken, answers_csv, labels_csv, report};

/// `GET /api/download/{file}`
pub(super) async fn download(desk: web::Data<Desk>, file: web::Path<String>) -> HttpResponse {
    let make: fn(&Session) -> Result<Taken, LabelError> = match file.as_str() {
        "labels.csv" => labels_csv,
        "answers.csv" => answers_csv,
        "head.onnx" => head_onnx,
        "fused.onnx" => fused_onnx,
        "image.onnx" => image_onnx,
        "report.html" => report,
        _ => return HttpResponse::NotFound().finish(),
    };
    let session = desk.stage.session();
    let taken = match web::block(move || make(&session)).await {
        Ok(Ok(taken)) => taken,
        Ok(Err(error)) => return refuse(&error),
        Err(_) => return HttpResponse::ServiceUnavailable().finish(),
    };
    let mut response = HttpResponse::Ok();
    response.content_type(taken.media_type).insert_header((
        CONTENT_DISPOSITION,
        format!("attachment; filename=\"{file}\""),
    ));
    if let Some(checked) = taken.checked {
        response.insert_header(("X-Hub-Checked", checked));
    }
    response.body(taken.bytes)
}
