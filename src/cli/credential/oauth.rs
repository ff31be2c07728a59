//! Lets a person sign in for `credential add --oauth`, and returns the refresh token: in a browser on this machine, or by a code.
//!
//! INVARIANT: the browser comes back to a loopback address that only this command listens on, and an answer that does not bring the
//! state back is not looked at. The code is worth nothing without the verifier, which never leaves but to the token endpoint.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use subtle::ConstantTimeEq as _;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::{sleep, timeout};

use crate::auth::{
    AuthorizationRequest, DeviceCode, Fields, SignIn, SignInKind, Signed, TokenAnswer, TokenRequest,
};
use crate::cli::Context;
use crate::cli::failure::Failure;
use crate::cli::serve::egress_of;
use crate::cli::workspace::{Workspace, chain};
use crate::egress::Egress;
use crate::model::secret::Secret;
use crate::model::show::escape;
use crate::model::target::decode_form;
use crate::outbound::{Outbound, OutboundRequest, Roots};
use crate::proxy::merge_roots;

/// How long a person has.
const SIGN_IN_TIME: Duration = Duration::from_secs(10 * 60);

/// Longest head of a browser's request, in bytes.
const MAX_HEAD: usize = 16 * 1024;

/// Added to the pause when the server asks for it (RFC 8628 section 3.5).
const SLOWER: Duration = Duration::from_secs(5);

/// What a person signs in with.
pub(super) struct SigningIn<'a> {
    context: &'a Context,
    sign_in: SignIn<'a>,
    /// Every URL that something may be sent to.
    urls: &'a [String],
    fields: Fields,
    outbound: Outbound,
    egress: Egress,
}

impl<'a> SigningIn<'a> {
    /// Takes what the gateway would take: its rules of egress, and the roots that it trusts.
    pub(super) fn new(
        context: &'a Context,
        workspace: &Workspace,
        (sign_in, urls, fields): (SignIn<'a>, &'a [String], Fields),
    ) -> Result<Self, Failure> {
        let failed = |error: std::io::Error| Failure::failed("roots", error.to_string());
        let roots = tempfile::NamedTempFile::new().map_err(failed)?;
        let config = workspace.config();
        merge_roots(&config.egress.ca_files, roots.path())
            .map_err(|error| Failure::failed("roots", chain(&error)))?;
        Ok(Self {
            context,
            sign_in,
            urls,
            fields,
            outbound: Outbound::new(Roots::read(roots.path()).map_err(failed)?),
            egress: egress_of(config, Vec::new())?,
        })
    }

    /// Waits until a person has signed in.
    pub(super) async fn refresh_token(&self) -> Result<Secret, Failure> {
        let signing_in = async {
            match self.sign_in.kind() {
                SignInKind::Browser => self.by_browser().await,
                SignInKind::Code => self.by_code().await,
            }
        };
        let signed_in = timeout(SIGN_IN_TIME, signing_in).await;
        signed_in.unwrap_or_else(|_| Err(refused("nobody has signed in in time")))
    }

    async fn by_browser(&self) -> Result<Secret, Failure> {
        let failed = |error: std::io::Error| Failure::failed("oauth", error.to_string());
        let place = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let listener = TcpListener::bind(place).await.map_err(failed)?;
        let port = listener.local_addr().map_err(failed)?.port();
        let redirect = format!("http://127.0.0.1:{port}/callback");
        let (state, verifier) = (random(), Secret::from(random()));
        let request_for_code = AuthorizationRequest {
            redirect: &redirect,
            state: &state,
            verifier: &verifier,
        };
        let url = self
            .sign_in
            .url(&self.fields, &request_for_code)
            .map_err(unusable)?;
        self.context
            .output
            .note(&format!("sign in at {}", escape(&url)));
        let code = loop {
            let (stream, _) = listener.accept().await.map_err(failed)?;
            if let Some(answer) = self.answer(stream, &state).await {
                break answer?;
            }
        };
        let request = self.sign_in.redeem(&self.fields, &code, &request_for_code);
        let answer = self.ask(request.map_err(unusable)?).await?;
        match self.sign_in.read(&answer).map_err(unusable)? {
            Signed::In(token) => Ok(token),
            Signed::Pending | Signed::SlowDown => {
                Err(refused("the server does not redeem the code"))
            }
        }
    }

    /// Answers a browser; returns the code, or why there is none. Whatever is not the answer to our question is not one.
    async fn answer(&self, mut stream: TcpStream, state: &str) -> Option<Result<Secret, Failure>> {
        let target = timeout(Duration::from_secs(10), target(&mut stream)).await;
        let found = target
            .ok()
            .flatten()
            .and_then(|target| outcome(&target, state));
        let (status, text) = match &found {
            Some(Ok(_)) => ("200 OK", "You are signed in. Go back to the terminal."),
            Some(Err(_)) => ("200 OK", "You are not signed in. The terminal says why."),
            None => ("404 Not Found", "There is nothing here."),
        };
        let answer = format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nCache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nConnection: close\r\n\r\n{text}",
            text.len()
        );
        // The browser may be gone; what it brought counts.
        let _ = timeout(Duration::from_secs(10), stream.write_all(answer.as_bytes())).await;
        found
    }

    async fn by_code(&self) -> Result<Secret, Failure> {
        let request = self.sign_in.ask_for_code(&self.fields);
        let answer = self.ask(request.map_err(unusable)?).await?;
        let DeviceCode {
            device_code,
            user_code,
            verification_uri,
            expires_in,
            mut interval,
        } = self.sign_in.read_code(&answer).map_err(unusable)?;
        self.context.output.note(&format!(
            "sign in at {} with the code {}",
            escape(&verification_uri),
            escape(&user_code)
        ));
        let asking = async {
            loop {
                sleep(interval).await;
                let request = self.sign_in.ask(&self.fields, &device_code);
                let answer = self.ask(request.map_err(unusable)?).await?;
                match self.sign_in.read(&answer).map_err(unusable)? {
                    Signed::In(token) => return Ok(token),
                    Signed::Pending => {}
                    Signed::SlowDown => interval += SLOWER,
                }
            }
        };
        let asked = timeout(expires_in, asking).await;
        asked.unwrap_or_else(|_| Err(refused("the code has expired")))
    }

    async fn ask(&self, request: TokenRequest) -> Result<TokenAnswer, Failure> {
        let TokenRequest {
            method,
            url,
            headers,
            body,
        } = request;
        if !self.urls.contains(&url) {
            return Err(refused(
                "the endpoint is none that the credential is bound to",
            ));
        }
        let request = OutboundRequest {
            method,
            url: url.parse().map_err(unusable)?,
            headers,
            body,
        };
        let answer = self.outbound.send(&self.egress, request).await;
        let answer = answer.map_err(unusable)?;
        Ok(TokenAnswer {
            status: answer.status,
            headers: answer.headers,
            body: answer.body,
        })
    }
}

/// Reads the target of a browser's request; `None` where it is none.
async fn target(stream: &mut TcpStream) -> Option<String> {
    let mut head = Vec::with_capacity(1024);
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= MAX_HEAD {
            return None;
        }
        head.push(stream.read_u8().await.ok()?);
    }
    let text = String::from_utf8(head).ok()?;
    let line = text.lines().next()?;
    let target = line.strip_prefix("GET ")?.strip_suffix(" HTTP/1.1")?;
    Some(target.to_owned())
}

/// Reads what the browser brings back (RFC 6749 sections 4.1.2 and 4.1.2.1).
fn outcome(target: &str, state: &str) -> Option<Result<Secret, Failure>> {
    let query = target.strip_prefix("/callback?")?;
    let mut found = [None, None, None];
    for pair in query.split('&') {
        let (name, value) = pair.split_once('=')?;
        let at = match name {
            "state" => 0,
            "code" => 1,
            "error" => 2,
            _ => continue,
        };
        let slot = found.get_mut(at)?;
        if slot.is_some() {
            return None;
        }
        *slot = Some(decode_form(value).ok()?);
    }
    let [given, code, error] = found;
    if !bool::from(given?.as_bytes().ct_eq(state.as_bytes())) {
        return None;
    }
    match (code, error) {
        (Some(code), None) => Some(Ok(Secret::from(code))),
        (_, Some(error)) => {
            let what = format!("the server says `{}`", escape(&error));
            Some(Err(refused(&what)))
        }
        (None, None) => None,
    }
}

/// 256 random bits, in the letters of RFC 7636 section 4.1.
fn random() -> String {
    URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>())
}

fn refused(what: &str) -> Failure {
    Failure::failed("not_signed_in", what.to_owned())
}

fn unusable(error: impl std::fmt::Display) -> Failure {
    refused(&error.to_string())
}
