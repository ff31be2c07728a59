//! Buffers an answer that may issue a credential. Nothing is passed on before it is complete and masked, or refused.

use bytes::BytesMut;
use http::header::CONTENT_LENGTH;
use http::response::Parts;
use http::{Method, StatusCode};
use pingora::Error;
use pingora::http::ResponseHeader;
use pingora::protocols::http::HttpTask;

use super::status::{has_no_content, is_last};
use crate::pipeline::decide::ResponseSecrets;
use crate::pipeline::mask::answer_mask::AnswerMask;
use crate::pipeline::mask::response_secret::TOO_LARGE;
use crate::pipeline::mask::{mask_response_secrets, refuse_unmaskable};
use crate::pipeline::permit_validity::PermitValidity;
use crate::pipeline::refuse::RefusedExchange;
use crate::pipeline::{Gateway, Permit};

/// The received part of an answer.
pub(super) struct ResponseBuffer {
    method: Method,
    head: Option<Box<ResponseHeader>>,
    body: BytesMut,
    /// Hides the host's own credentials in it too.
    mask: Option<AnswerMask>,
    /// The answer has been passed on.
    passed: bool,
}

/// Reasons why nothing of an answer is passed on.
pub(super) enum Stop {
    Refused(Box<RefusedExchange>),
    /// The answer broke off before its end.
    Failed(Box<Error>),
}

impl ResponseBuffer {
    /// Returns a buffer if the permit requires one.
    pub(super) fn of(permit: &Permit, mask: Option<&AnswerMask>) -> Option<Self> {
        (permit.validity().response_secrets() == ResponseSecrets::Masked).then(|| Self {
            method: permit.outgoing().method.clone(),
            head: None,
            body: BytesMut::new(),
            mask: mask.cloned(),
            passed: false,
        })
    }

    /// Takes the received tasks; returns those that may be written, `None` for nothing yet. Trailers and interim heads are not
    /// passed on, because they may repeat the answer before it is known.
    pub(super) fn take(
        &mut self,
        gateway: &Gateway,
        validity: &PermitValidity,
        tasks: Vec<HttpTask>,
    ) -> Result<Option<Vec<HttpTask>>, Stop> {
        if self.passed {
            return Ok(Some(vec![HttpTask::Done]));
        }
        let mut ended = false;
        for task in tasks {
            ended |= match task {
                HttpTask::Header(head, end) => {
                    if is_last(head.status) {
                        self.head = Some(head);
                    }
                    end
                }
                HttpTask::Body(bytes, end) | HttpTask::UpgradedBody(bytes, end) => {
                    let bytes = bytes.unwrap_or_default();
                    if self.body.len().saturating_add(bytes.len())
                        > gateway.dependencies().bounds.body
                    {
                        return Err(refused(refuse_unmaskable(validity, TOO_LARGE.0)));
                    }
                    self.body.extend_from_slice(&bytes);
                    end
                }
                HttpTask::Trailer(_) | HttpTask::Done => true,
                HttpTask::Failed(error) => return Err(Stop::Failed(error)),
            };
            // Pingora does not always tell an end of these; what switches protocols has none.
            ended |= self.head.as_ref().is_some_and(|head| {
                head.status.is_informational() || self.is_bodiless(head.status)
            });
        }
        match self.head.take() {
            Some(head) if ended => self.pass(gateway, validity, head).map(Some),
            head => {
                self.head = head;
                Ok(None)
            }
        }
    }

    /// RFC 9110 section 6.4.1.
    fn is_bodiless(&self, status: StatusCode) -> bool {
        self.method == Method::HEAD || has_no_content(status)
    }

    fn pass(
        &mut self,
        gateway: &Gateway,
        validity: &PermitValidity,
        head: Box<ResponseHeader>,
    ) -> Result<Vec<HttpTask>, Stop> {
        let mut parts = Parts::from(*head);
        let raw = self.body.split().freeze();
        let place = (parts.status, &mut parts.headers);
        let mask = self.mask.as_ref();
        let body = mask_response_secrets(gateway, (validity, mask), place, raw).map_err(refused)?;
        let bodiless = self.is_bodiless(parts.status);
        parts.headers.remove(CONTENT_LENGTH);
        if !bodiless {
            parts.headers.insert(CONTENT_LENGTH, body.len().into());
        }
        self.passed = true;
        let head = Box::new(ResponseHeader::from(parts));
        if bodiless || body.is_empty() {
            return Ok(vec![HttpTask::Header(head, true)]);
        }
        Ok(vec![
            HttpTask::Header(head, false),
            HttpTask::Body(Some(body), true),
        ])
    }
}

fn refused(refusal: RefusedExchange) -> Stop {
    Stop::Refused(Box::new(refusal))
}
