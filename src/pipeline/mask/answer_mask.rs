//! Hides the credentials of a host in one answer: its heads, its body as it comes, its trailers, and the frames of a WebSocket.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{CONTENT_LENGTH, SEC_WEBSOCKET_EXTENSIONS};
use http::response::Parts;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use parking_lot::Mutex;

use super::about_bytes::forget_bytes;
use super::newest_patterns::NewestPatterns;
use super::text_body::TextBody;
use super::unmaskable::unmaskable;
use crate::mask::{Coding, GrpcMessages, PatternSet, Reflections, WebSocketMask};
use crate::model::media_type;
use crate::pipeline::Gateway;
use crate::pipeline::outgoing::Outgoing;
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::refuse::{Code, Refusal};

/// How messages of gRPC are compressed, each by itself.
const GRPC_ENCODING: HeaderName = HeaderName::from_static("grpc-encoding");

/// The mask of one answer, shared by what reads its head, what passes its body, and what records it.
#[derive(Debug, Clone)]
pub struct AnswerMask(Arc<Mutex<AnswerState>>);

#[derive(Debug)]
struct AnswerState {
    set: Arc<PatternSet>,
    newest: NewestPatterns,
    body: AnswerBody,
    /// Found in heads and trailers, and in the bodies of failed attempts.
    found: Reflections,
}

/// What follows the head that was read last.
#[derive(Debug)]
enum AnswerBody {
    None,
    Text(Box<TextBody>),
    Frames {
        mask: Box<WebSocketMask>,
        passed: Bytes,
    },
}

// === impl AnswerMask ===

impl AnswerMask {
    /// Begins an answer of which nothing has come.
    #[must_use]
    pub fn new(gateway: &Arc<Gateway>, permit: &Arc<PermitValidity>, set: Arc<PatternSet>) -> Self {
        let state = AnswerState {
            set,
            newest: NewestPatterns::of(gateway, permit),
            body: AnswerBody::None,
            found: Reflections::default(),
        };
        Self(Arc::new(Mutex::new(state)))
    }

    /// Searches for these from the next head on.
    pub(in crate::pipeline) fn search_for(&self, set: Arc<PatternSet>) {
        self.0.lock().set = set;
    }

    /// Hides credentials in a head. What its body was coded with is undone, and said so in the head.
    ///
    /// # Errors
    /// `unmaskable` where the body cannot be searched, `credential_reflected` where the answer must not pass.
    pub fn head(&self, outgoing: &Outgoing, answer: &mut Parts) -> Result<(), Refusal> {
        self.0.lock().head(outgoing, answer)
    }

    /// Takes what has come of the body. [`AnswerMask::next_piece`] then returns what may pass.
    ///
    /// # Errors
    /// `unmaskable` for a frame of a WebSocket that cannot be searched.
    pub fn feed(&self, piece: Bytes) -> Result<(), Refusal> {
        self.0.lock().feed(piece)
    }

    /// Notes the end of the body.
    pub fn end(&self) {
        self.0.lock().end();
    }

    /// Returns the next piece that may pass, of bounded size whatever the body expands to; `None` until more was fed.
    ///
    /// # Errors
    /// `unmaskable` where the body is not in its coding, `credential_reflected` where the answer must not go on.
    pub fn next_piece(&self) -> Result<Option<Bytes>, Refusal> {
        self.0.lock().next_piece()
    }

    /// Hides credentials in trailers.
    ///
    /// # Errors
    /// `credential_reflected`
    pub fn trailers(&self, headers: &mut HeaderMap) -> Result<(), Refusal> {
        self.0.lock().headers(headers)
    }

    /// Hides credentials in an answer that is in memory, without a content coding; returns its body.
    ///
    /// # Errors
    /// `unmaskable` where a header cannot be written, `credential_reflected` where the answer must not pass.
    pub fn whole(&self, headers: &mut HeaderMap, body: Bytes) -> Result<Bytes, Refusal> {
        let mut state = self.0.lock();
        state.headers(headers)?;
        let set = Arc::clone(&state.set);
        let masked = set.mask(&body, &mut state.found);
        state.check()?;
        Ok(masked.map_or(body, Bytes::from))
    }

    /// Hides credentials in what is recorded of an answer, also those that agents may see. They were counted when they passed.
    pub(in crate::pipeline) fn redact(&self, headers: &mut HeaderMap, body: &mut Bytes) {
        let set = Arc::clone(&self.0.lock().set);
        if let Some(redacted) = set.redact(body) {
            *body = redacted.into();
        }
        for value in headers.values_mut() {
            if let Some(redacted) = set.redact(value.as_bytes()) {
                *value = HeaderValue::from_bytes(&redacted).unwrap_or(HeaderValue::from_static(""));
            }
        }
    }

    /// Returns whether nothing comes but what was fed.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        match &self.0.lock().body {
            AnswerBody::None => true,
            AnswerBody::Text(text) => text.has_ended(),
            AnswerBody::Frames { .. } => false,
        }
    }

    /// Returns what was found so far.
    #[must_use]
    pub fn reflections(&self) -> Reflections {
        self.0.lock().reflections()
    }
}

// === impl AnswerState ===

impl AnswerState {
    fn head(&mut self, outgoing: &Outgoing, answer: &mut Parts) -> Result<(), Refusal> {
        self.found = self.reflections();
        self.body = AnswerBody::None;
        self.headers(&mut answer.headers)?;
        if answer.status == StatusCode::SWITCHING_PROTOCOLS {
            return self.switch(&answer.headers);
        }
        if answer.status.is_informational() {
            return Ok(());
        }
        self.body(outgoing, answer)
    }

    /// Hides credentials in values; a name that holds one is left out.
    fn headers(&mut self, headers: &mut HeaderMap) -> Result<(), Refusal> {
        let mut gone = Vec::new();
        for name in headers.keys() {
            let masked = self.set.mask(name.as_str().as_bytes(), &mut self.found);
            gone.extend(masked.map(|_| name.clone()));
        }
        for name in gone {
            headers.remove(name);
        }
        for value in headers.values_mut() {
            let Some(masked) = self.set.mask(value.as_bytes(), &mut self.found) else {
                continue;
            };
            *value = HeaderValue::from_bytes(&masked)
                .map_err(|_| unmaskable("its head cannot be read"))?;
        }
        self.check()
    }

    fn switch(&mut self, headers: &HeaderMap) -> Result<(), Refusal> {
        // None was asked for.
        if headers.contains_key(SEC_WEBSOCKET_EXTENSIONS) {
            return Err(unmaskable("its frames have an extension"));
        }
        let mask = Box::new(WebSocketMask::new(Arc::clone(&self.set)));
        self.body = AnswerBody::Frames {
            mask,
            passed: Bytes::new(),
        };
        Ok(())
    }

    fn body(&mut self, outgoing: &Outgoing, answer: &mut Parts) -> Result<(), Refusal> {
        let headers = &mut answer.headers;
        let is_bodiless = outgoing.method == Method::HEAD
            || [StatusCode::NO_CONTENT, StatusCode::NOT_MODIFIED].contains(&answer.status);
        let coding = Coding::of(headers);
        let is_coded = coding != Ok(Coding::Identity);
        if !is_bodiless && answer.status == StatusCode::PARTIAL_CONTENT {
            // Beyond what was asked for, or of bytes that cannot be read without those before them.
            if !outgoing.passes.range || is_coded {
                return Err(unmaskable("it is only a part of one"));
            }
        }
        let compresses = |value: &HeaderValue| !value.as_bytes().eq_ignore_ascii_case(b"identity");
        if headers.get_all(GRPC_ENCODING).iter().any(compresses) {
            return Err(unmaskable("its messages are compressed"));
        }
        if is_coded && (coding.is_ok() || !is_bodiless) {
            // The agent reads it without a coding, so a GET and a HEAD say the same.
            forget_bytes(headers);
            headers.remove(CONTENT_LENGTH);
        }
        if is_bodiless {
            return Ok(());
        }
        let set = Arc::clone(&self.set);
        let is_grpc = |headers: &HeaderMap| media_type::starts_with(headers, "application/grpc");
        // An answer that only says so could place the end of a message within a credential.
        let is_grpc = is_grpc(headers) && is_grpc(&outgoing.headers);
        let messages = is_grpc.then(GrpcMessages::default);
        self.body = AnswerBody::Text(Box::new(TextBody::new(set, coding, messages)?));
        Ok(())
    }

    fn renew(&mut self) {
        let Some(set) = self.newest.changed(&self.set) else {
            return;
        };
        match &mut self.body {
            AnswerBody::None => {}
            AnswerBody::Text(text) => text.renew(Arc::clone(&set)),
            AnswerBody::Frames { mask, .. } => mask.renew(Arc::clone(&set)),
        }
        self.set = set;
    }

    fn feed(&mut self, piece: Bytes) -> Result<(), Refusal> {
        self.renew();
        match &mut self.body {
            AnswerBody::None => {}
            AnswerBody::Text(text) => text.feed(piece),
            AnswerBody::Frames { mask, passed } => {
                let faulty = |_| unmaskable("a frame of it cannot be searched");
                *passed = mask.take(piece).map_err(faulty)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) {
        match &mut self.body {
            AnswerBody::None => {}
            AnswerBody::Text(text) => text.end(),
            AnswerBody::Frames { mask, passed } => {
                let rest = mask.finish();
                if !rest.is_empty() {
                    *passed = [&passed[..], &rest[..]].concat().into();
                }
            }
        }
    }

    fn next_piece(&mut self) -> Result<Option<Bytes>, Refusal> {
        let passed = match &mut self.body {
            AnswerBody::None => None,
            AnswerBody::Text(text) => text.next_piece()?,
            AnswerBody::Frames { passed, .. } => {
                let passed = std::mem::take(passed);
                (!passed.is_empty()).then_some(passed)
            }
        };
        self.check()?;
        Ok(passed)
    }

    fn check(&self) -> Result<(), Refusal> {
        if self.reflections().is_blocked() {
            return Err(Refusal::from(Code::CredentialReflected));
        }
        Ok(())
    }

    fn reflections(&self) -> Reflections {
        let mut all = self.found;
        match &self.body {
            AnswerBody::None => {}
            AnswerBody::Text(text) => all.add(text.reflections()),
            AnswerBody::Frames { mask, .. } => all.add(mask.reflections()),
        }
        all
    }
}
