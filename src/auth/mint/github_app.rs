//! Gets tokens of a GitHub App: a JWT proves the App, GitHub names the installation of an owner, and gives a token for it.

use http::header::{ACCEPT, HeaderName};
use http::{HeaderMap, HeaderValue, Method};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;
use zeroize::Zeroizing;

use super::answer::{checked, refused};
use super::body::bearer;
use super::exchange::until;
use super::{
    Algorithm, Jwt, MintError, MintInput, MintStep, Minted, Stage, TokenAnswer, TokenRequest,
    UrlText,
};
use crate::auth::Fields;
use crate::auth::text::Text;
use crate::model::credential::MintedToken;
use crate::model::secret::Secret;

const NOT_INSTALLED: MintError =
    MintError::Installation("the GitHub App is not installed for the owner that the request names");
const SEVERAL: MintError = MintError::Installation(
    "the request names no owner, and the GitHub App has several installations, or none",
);

/// A compiled `github_app` entry.
#[derive(Debug, Clone, Serialize)]
pub(in crate::auth) struct GithubApp {
    pub(in crate::auth) app_id: Text,
    pub(in crate::auth) private_key: Text,
    pub(in crate::auth) installation_id: Option<Text>,
    /// `https://api.github.com`, or `https://HOST/api/v3` of a server of one's own.
    pub(in crate::auth) api: UrlText,
}

/// Whose installation is looked for. GitHub has one address for users and one for organisations.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A user is named.
    User,
    /// An organisation is named.
    Organisation,
    /// Nobody is named: the only installation.
    Only,
}

const ANOTHER: MintError = MintError::Installation(
    "GitHub answers with the installation of another owner than the request names",
);

#[derive(Deserialize)]
struct Installation {
    id: u64,
    /// Whose it is; servers of one's own may leave it out.
    account: Option<Account>,
}

#[derive(Deserialize)]
struct Account {
    login: Option<String>,
}

#[derive(Deserialize)]
struct Issued {
    token: String,
    expires_at: Json,
}

impl GithubApp {
    /// Returns the parameter that names the owner; none where one installation is given.
    pub(super) fn slot(&self) -> Option<&'static str> {
        self.installation_id.is_none().then_some("owner")
    }

    pub(super) fn begin(&self, input: MintInput<'_>) -> Result<MintStep, MintError> {
        if let Some(id) = &self.installation_id {
            let id = id.filled(input.fields)?;
            let id = std::str::from_utf8(&id).ok().and_then(|id| id.parse().ok());
            return self.token_of(input, id.ok_or(NOT_INSTALLED)?);
        }
        let owner = if input.slot.is_empty() {
            Owner::Only
        } else {
            Owner::User
        };
        self.installation_of(input, owner)
    }

    pub(super) fn next(
        &self,
        input: MintInput<'_>,
        stage: &Stage,
        answer: &TokenAnswer,
    ) -> Result<MintStep, MintError> {
        match (stage, answer.status) {
            (Stage::Installation(Owner::User), 404) => {
                self.installation_of(input, Owner::Organisation)
            }
            (Stage::Installation(Owner::Organisation), 404) => Err(NOT_INSTALLED),
            (_, status) if !(200..300).contains(&status) => Err(refused(status, None)),
            (Stage::Installation(Owner::Only), _) => {
                let found: Vec<Installation> = read(answer)?;
                match found.as_slice() {
                    [only] => self.token_of(input, only.id),
                    _ => Err(SEVERAL),
                }
            }
            (Stage::Installation(_), _) => {
                let found: Installation = read(answer)?;
                let login = found.account.and_then(|account| account.login);
                // A name that was given up may lead to the account that had it.
                if login.is_some_and(|login| !login.eq_ignore_ascii_case(input.slot)) {
                    return Err(ANOTHER);
                }
                self.token_of(input, found.id)
            }
            (Stage::Token, _) => issued(input, answer),
        }
    }

    fn installation_of(&self, input: MintInput<'_>, owner: Owner) -> Result<MintStep, MintError> {
        let good = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
        if !input.slot.bytes().all(good) {
            return Err(NOT_INSTALLED);
        }
        let path = match owner {
            Owner::User => format!("/users/{}/installation", input.slot),
            Owner::Organisation => format!("/orgs/{}/installation", input.slot),
            Owner::Only => "/app/installations?per_page=2".to_owned(),
        };
        self.ask(input, (Method::GET, &path), Stage::Installation(owner))
    }

    fn token_of(&self, input: MintInput<'_>, id: u64) -> Result<MintStep, MintError> {
        let path = format!("/app/installations/{id}/access_tokens");
        self.ask(input, (Method::POST, &path), Stage::Token)
    }

    fn ask(
        &self,
        input: MintInput<'_>,
        (method, path): (Method, &str),
        stage: Stage,
    ) -> Result<MintStep, MintError> {
        let proof = Jwt {
            alg: Algorithm::RS256,
            key: self.private_key.clone(),
            key_id: None,
            claims: [("iss".to_owned(), self.app_id.clone())].into(),
            // GitHub takes ten minutes at most.
            lifetime: 300,
        };
        let json = HeaderValue::from_static("application/vnd.github+json");
        let version = HeaderName::from_static("x-github-api-version");
        let mut headers = HeaderMap::from_iter([
            (ACCEPT, json),
            (version, HeaderValue::from_static("2022-11-28")),
        ]);
        bearer(&mut headers, &proof.signed(input)?)?;
        let request = TokenRequest {
            method,
            url: format!("{}{path}", self.api.of(input.fields)?),
            headers,
            body: Zeroizing::new(Vec::new()),
        };
        Ok(MintStep::Ask(request, stage))
    }
}

fn issued(input: MintInput<'_>, answer: &TokenAnswer) -> Result<MintStep, MintError> {
    let Issued { token, expires_at } = read(answer)?;
    let token = checked(Secret::from(token))?;
    let lifetime = until(&expires_at, input.now)?;
    let fields = Fields::from([("token".to_owned(), token)]);
    Ok(MintStep::Minted(Minted {
        token: MintedToken::new(fields, input.now, Some(lifetime)),
        rotated: Fields::new(),
    }))
}

fn read<T: for<'de> Deserialize<'de>>(answer: &TokenAnswer) -> Result<T, MintError> {
    serde_json::from_slice(&answer.body)
        .map_err(|_| MintError::Malformed("is not what GitHub's documentation says"))
}
