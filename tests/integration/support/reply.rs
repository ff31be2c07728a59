//! What an upstream answers: whole, bit by bit, cut off, or not at all.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::Frame;
use tokio::sync::mpsc;

/// What it answers.
#[derive(Debug)]
pub(crate) struct Reply {
    status: StatusCode,
    headers: HeaderMap,
    body: ReplyBody,
}

#[derive(Debug)]
enum ReplyBody {
    Whole(Bytes),
    Streamed(mpsc::Receiver<Frame<Bytes>>),
    /// The connection is cut instead of an answer.
    Cut,
    /// No answer at all.
    Silence,
}

/// Feeds a streamed answer; dropping it ends the body.
pub(crate) struct Feed(mpsc::Sender<Frame<Bytes>>);

impl Feed {
    pub(crate) async fn send(&self, chunk: impl Into<Bytes>) {
        self.0
            .send(Frame::data(chunk.into()))
            .await
            .expect("the gateway stopped reading");
    }

    pub(crate) async fn trailers(&self, trailers: HeaderMap) {
        self.0
            .send(Frame::trailers(trailers))
            .await
            .expect("the gateway stopped reading");
    }
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<Bytes>) -> Self {
        let status = StatusCode::from_u16(status).unwrap();
        Self {
            status,
            headers: HeaderMap::new(),
            body: ReplyBody::Whole(body.into()),
        }
    }

    /// An answer whose body comes when the test says so.
    pub(crate) fn streamed(status: u16) -> (Self, Feed) {
        let (sender, receiver) = mpsc::channel(16);
        let status = StatusCode::from_u16(status).unwrap();
        (
            Self {
                status,
                headers: HeaderMap::new(),
                body: ReplyBody::Streamed(receiver),
            },
            Feed(sender),
        )
    }

    pub(crate) fn cut() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: ReplyBody::Cut,
        }
    }

    pub(crate) fn silence() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: ReplyBody::Silence,
        }
    }

    pub(crate) fn header(mut self, name: &'static str, value: &str) -> Self {
        self.headers.append(
            HeaderName::from_static(name),
            HeaderValue::from_str(value).unwrap(),
        );
        self
    }

    /// Turns it into what hyper sends; a cut or a silence never returns.
    pub(super) async fn send(self, cut: &mpsc::Sender<()>) -> Response<BoxBody<Bytes, Infallible>> {
        let body = match self.body {
            ReplyBody::Whole(bytes) => Full::new(bytes).boxed(),
            ReplyBody::Streamed(mut receiver) => {
                StreamBody::new(futures_stream(move |cx| receiver.poll_recv(cx))).boxed()
            }
            ReplyBody::Cut => {
                cut.send(()).await.unwrap();
                std::future::pending().await
            }
            ReplyBody::Silence => std::future::pending().await,
        };
        let mut response = Response::new(body);
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

/// A stream of frames from a poll function.
fn futures_stream<F>(poll: F) -> PollStream<F>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Frame<Bytes>>>,
{
    PollStream(poll)
}

struct PollStream<F>(F);

impl<F> futures_core::Stream for PollStream<F>
where
    F: FnMut(&mut std::task::Context<'_>) -> std::task::Poll<Option<Frame<Bytes>>> + Unpin,
{
    type Item = Result<Frame<Bytes>, Infallible>;

    fn poll_next(
        self: std::pin::Pin<&mut Self>,
        cx: &mut std::task::Context<'_>,
    ) -> std::task::Poll<Option<Self::Item>> {
        (self.get_mut().0)(cx).map(|frame| frame.map(Ok))
    }
}
