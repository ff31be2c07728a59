//! What an upstream answers: whole, bit by bit, cut off, or not at all.

use std::convert::Infallible;

use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Response, StatusCode};
use http_body_util::combinators::BoxBody;
use http_body_util::{BodyExt as _, Full, StreamBody};
use hyper::body::{Frame, Incoming};
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
    /// What arrives, as it arrives, then trailers.
    Echo,
    /// How many bytes have arrived, in digits; none of them is kept.
    Length,
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

    /// Sends a piece that the gateway may not read any more.
    pub(crate) async fn offer(&self, chunk: impl Into<Bytes>) {
        let _ = self.0.send(Frame::data(chunk.into())).await;
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

    /// A call of gRPC that answers each message while the request goes on.
    pub(crate) fn echo() -> Self {
        let echo = Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: ReplyBody::Echo,
        };
        echo.header("content-type", "application/grpc")
    }

    /// An answer that tells how long the request's body was.
    pub(crate) fn length() -> Self {
        Self {
            status: StatusCode::OK,
            headers: HeaderMap::new(),
            body: ReplyBody::Length,
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

    /// Takes what the reply needs of the request's body; what is left is read whole.
    pub(super) async fn take(&mut self, body: Incoming) -> Option<Bytes> {
        match self.body {
            ReplyBody::Echo => {
                self.body = ReplyBody::Streamed(echo(body));
                Some(Bytes::new())
            }
            ReplyBody::Length => {
                self.body = ReplyBody::Whole(length(body).await.to_string().into());
                Some(Bytes::new())
            }
            ReplyBody::Whole(_) | ReplyBody::Streamed(_) | ReplyBody::Cut | ReplyBody::Silence => {
                let whole = body.collect().await;
                whole.map(|body| body.to_bytes()).ok()
            }
        }
    }

    /// Turns it into what hyper sends; a cut or a silence never returns.
    pub(super) async fn send(self, cut: &mpsc::Sender<()>) -> Response<BoxBody<Bytes, Infallible>> {
        let body = match self.body {
            ReplyBody::Echo | ReplyBody::Length => unreachable!("`take` comes first"),
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

fn echo(mut body: Incoming) -> mpsc::Receiver<Frame<Bytes>> {
    let (sender, receiver) = mpsc::channel(1);
    tokio::spawn(async move {
        while let Some(Ok(frame)) = body.frame().await {
            if sender.send(frame).await.is_err() {
                return;
            }
        }
        let status = (
            "grpc-status".parse().unwrap(),
            HeaderValue::from_static("0"),
        );
        let trailers = HeaderMap::from_iter([status]);
        let _ = sender.send(Frame::trailers(trailers)).await;
    });
    receiver
}

async fn length(mut body: Incoming) -> usize {
    let mut length = 0;
    while let Some(Ok(frame)) = body.frame().await {
        length += frame.data_ref().map_or(0, Bytes::len);
    }
    length
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
