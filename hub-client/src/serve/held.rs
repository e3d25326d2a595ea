//! What is held until an answer is written.

use std::error::Error;
use std::pin::Pin;
use std::task::{Context, Poll};

use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::web::Bytes;

/// The body of an answer, and something that is dropped with it: when it is written, or nobody wants it. Of
/// large ones the last bytes are by then on their way to the client.
pub(super) struct Held<T> {
    body: BoxBody,
    _until_written: T,
}

impl<T> Held<T> {
    pub(super) fn new(body: BoxBody, until_written: T) -> Self {
        Self {
            body,
            _until_written: until_written,
        }
    }
}

impl<T: Unpin> MessageBody for Held<T> {
    type Error = Box<dyn Error>;

    fn size(&self) -> BodySize {
        self.body.size()
    }

    fn poll_next(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Self::Error>>> {
        Pin::new(&mut self.body).poll_next(context)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests")]
    use std::sync::Arc;

    use actix_web::body::to_bytes;

    use super::*;

    #[actix_web::test]
    async fn it_is_held_as_long_as_the_body() {
        let token = Arc::new(());
        let body = Held::new(BoxBody::new("answer"), token.clone());
        assert_eq!(body.size(), BodySize::Sized(6));
        // Boxed once more, as on the way to the client.
        let body = body.boxed();
        assert_eq!(Arc::strong_count(&token), 2);
        assert_eq!(to_bytes(body).await.unwrap(), "answer");
        assert_eq!(Arc::strong_count(&token), 1);
    }
}
