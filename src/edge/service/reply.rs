//! The future of an answer: most are there at once and cost no allocation.

use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use bytes::Bytes;
use http_body_util::Full;
use hyper::Response;
use hyper::header::{CONNECTION, HeaderValue};

type Answered = Response<Full<Bytes>>;

/// An answer, now or later.
pub(in crate::edge) enum Reply {
    /// There already; taken when it is asked for.
    Now(Option<Answered>),
    /// When the request's body has been heard.
    Later(Pin<Box<dyn Future<Output = Answered> + Send>>),
}

impl Reply {
    pub(super) const fn now(answer: Answered) -> Self {
        Self::Now(Some(answer))
    }

    /// Says that the connection ends with it. One that is not there yet says so if the connection ends meanwhile.
    pub(super) fn be_last(&mut self) {
        if let Self::Now(Some(answer)) = self {
            answer.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
        }
    }

    pub(super) fn later(answer: impl Future<Output = Answered> + Send + 'static) -> Self {
        Self::Later(Box::pin(answer))
    }
}

impl Future for Reply {
    type Output = Result<Answered, Infallible>;

    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Self::Output> {
        match self.get_mut() {
            Self::Now(answer) => answer.take().map_or(Poll::Pending, |answer| Poll::Ready(Ok(answer))),
            Self::Later(answer) => answer.as_mut().poll(context).map(Ok),
        }
    }
}
