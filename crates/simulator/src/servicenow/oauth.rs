//! Sign-in: `/oauth_token.do`, `/oauth_revoke_token.do`, Bearer and Basic (wire-facts 6.1).

use super::{Caller, Instance, Settings, error};
use crate::faults::lock;
use crate::jwt::{self, SeenIds};
use crate::wire::{Reply, Request, decode_form};
use base64::Engine as _;
use http::{Method, StatusCode};
use jsonwebtoken::Algorithm;
use jsonwebtoken::jwk::JwkSet;
use rand::{RngCore, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::collections::BTreeMap;

/// A user of the instance.
#[derive(Debug, Clone)]
pub struct User {
    /// The name it signs in with; what `sys_updated_by` says.
    pub user_name: String,
    /// Its password.
    pub password: String,
    /// What people read.
    pub name: String,
    /// Its address: what a JWT's `sub` names it by.
    pub email: String,
    /// Its time zone: how datetimes are displayed and read for it.
    pub zone: chrono_tz::Tz,
}

/// An OAuth client (an "application registry" entry).
#[derive(Debug, Clone)]
pub struct OauthClient {
    /// The client id.
    pub client_id: String,
    /// The client secret; empty for a public client.
    pub client_secret: String,
    /// The user that tokens of the client credentials grant act as; none makes that grant fail.
    pub application_user: Option<String>,
    /// Keys that JWT bearer assertions are signed with.
    pub keys: JwkSet,
    /// What `aud` of an assertion must be: the client id on instances set up the classic way, the token URL on
    /// others.
    pub audience: String,
}

#[derive(Debug, Clone)]
struct Token {
    user_name: String,
    client_id: String,
    expires_s: i64,
}

/// Users, clients and tokens.
#[derive(Debug)]
pub(crate) struct Oauth {
    users: BTreeMap<String, User>,
    clients: BTreeMap<String, OauthClient>,
    access: BTreeMap<String, Token>,
    refresh: BTreeMap<String, Token>,
    seen: SeenIds,
    random: ChaCha8Rng,
}

impl Oauth {
    pub(crate) fn new(seed: u64) -> Oauth {
        Oauth {
            users: BTreeMap::new(),
            clients: BTreeMap::new(),
            access: BTreeMap::new(),
            refresh: BTreeMap::new(),
            seen: SeenIds::default(),
            random: ChaCha8Rng::seed_from_u64(seed ^ 0x0a17),
        }
    }

    pub(crate) fn add_user(&mut self, user: User) {
        self.users.insert(user.user_name.clone(), user);
    }

    pub(crate) fn add_client(&mut self, client: OauthClient) {
        self.clients.insert(client.client_id.clone(), client);
    }

    pub(crate) fn revoke_all(&mut self) {
        self.access.clear();
        self.refresh.clear();
    }

    fn random_token(&mut self) -> String {
        let mut bytes = [0_u8; 43];
        self.random.fill_bytes(&mut bytes);
        base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(bytes)
    }

    /// The token of this client and user that is still alive, or a new one.
    fn access_token(
        &mut self,
        client_id: &str,
        user_name: &str,
        now_s: i64,
        lifetime_s: i64,
    ) -> (String, i64) {
        self.access.retain(|_, token| token.expires_s > now_s);
        let same = self
            .access
            .iter()
            .find(|(_, token)| token.client_id == client_id && token.user_name == user_name);
        if let Some((value, token)) = same {
            return (value.clone(), token.expires_s - now_s - 1);
        }
        let value = self.random_token();
        let token = Token {
            user_name: user_name.to_owned(),
            client_id: client_id.to_owned(),
            expires_s: now_s + lifetime_s,
        };
        self.access.insert(value.clone(), token);
        (value, lifetime_s - 1)
    }

    fn refresh_token(&mut self, client_id: &str, user_name: &str, now_s: i64, lifetime_s: i64) -> String {
        self.refresh.retain(|_, token| token.expires_s > now_s);
        let same = self
            .refresh
            .iter()
            .find(|(_, token)| token.client_id == client_id && token.user_name == user_name);
        if let Some((value, _)) = same {
            return value.clone();
        }
        let value = self.random_token();
        let token = Token {
            user_name: user_name.to_owned(),
            client_id: client_id.to_owned(),
            expires_s: now_s + lifetime_s,
        };
        self.refresh.insert(value.clone(), token);
        value
    }
}

fn refused(status: StatusCode, code: &str, description: &str) -> Reply {
    let mut body = String::from("{\"error_description\":");
    crate::wire::push_json_string(description, &mut body);
    body.push_str(",\"error\":");
    crate::wire::push_json_string(code, &mut body);
    body.push('}');
    Reply::json(status, body)
}

impl Instance {
    pub(crate) fn token(&self, request: &Request) -> Reply {
        if request.method != Method::POST {
            return refused(StatusCode::METHOD_NOT_ALLOWED, "invalid_request", "use POST");
        }
        let is_form = request
            .header_text("content-type")
            .is_some_and(|kind| kind.starts_with("application/x-www-form-urlencoded"));
        if !is_form {
            return refused(StatusCode::UNAUTHORIZED, "server_error", "access_denied");
        }
        // Parameters are taken from the body alone; widely used clients send client id and secret by Basic, which
        // instances let in as well.
        let mut form: BTreeMap<String, String> = decode_form(&request.body).into_iter().collect();
        if let Some((id, secret)) = basic(request).filter(|_| !form.contains_key("client_id")) {
            form.insert("client_id".to_owned(), id);
            form.insert("client_secret".to_owned(), secret);
        }
        let field = |name: &str| form.get(name).map_or("", String::as_str);
        let settings = self.settings();
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let mut oauth = lock(&self.oauth);
        let Some(client) = oauth.clients.get(field("client_id")).cloned() else {
            return refused(StatusCode::UNAUTHORIZED, "invalid_client", "access_denied");
        };
        let (user_name, refreshable) = match grant(&mut oauth, &client, &form, &settings, now_s) {
            Ok(granted) => granted,
            Err(refusal) => return refusal,
        };
        let (access, left) =
            oauth.access_token(&client.client_id, &user_name, now_s, settings.access_token_lifetime_s);
        let refresh = if refreshable {
            let token =
                oauth.refresh_token(&client.client_id, &user_name, now_s, settings.refresh_token_lifetime_s);
            format!("\"refresh_token\":\"{token}\",")
        } else {
            String::new()
        };
        Reply::json(
            StatusCode::OK,
            format!(
                "{{\"access_token\":\"{access}\",{refresh}\"scope\":\"useraccount\",\"token_type\":\"Bearer\",\"expires_in\":{left}}}"
            ),
        )
    }

    pub(crate) fn revoke(&self, request: &Request) -> Reply {
        let parameters = decode_form(&request.body).into_iter().chain(request.params());
        let Some((_, token)) = parameters.into_iter().find(|(name, _)| name == "token") else {
            return refused(StatusCode::BAD_REQUEST, "invalid_request", "token is missing");
        };
        let mut oauth = lock(&self.oauth);
        oauth.access.remove(&token);
        oauth.refresh.remove(&token);
        Reply::empty(StatusCode::OK)
    }

    pub(crate) fn authenticate(&self, request: &Request) -> Result<Caller, Reply> {
        let refusal = || {
            error(
                StatusCode::UNAUTHORIZED,
                "User is not authenticated",
                Some("Required to provide Auth information"),
            )
        };
        let header = request.header_text("authorization").ok_or_else(refusal)?;
        let (scheme, value) = header.split_once(' ').ok_or_else(refusal)?;
        let now_s = self.clock.now_ms().div_euclid(1_000);
        let user = {
            let oauth = lock(&self.oauth);
            if scheme.eq_ignore_ascii_case("bearer") {
                let token =
                    oauth.access.get(value).filter(|token| token.expires_s > now_s).ok_or_else(refusal)?;
                oauth.users.get(&token.user_name).cloned()
            } else if scheme.eq_ignore_ascii_case("basic") && self.settings().basic_auth_enabled {
                let decoded =
                    base64::engine::general_purpose::STANDARD.decode(value).map_err(|_| refusal())?;
                let decoded = String::from_utf8(decoded).map_err(|_| refusal())?;
                let (name, password) = decoded.split_once(':').ok_or_else(refusal)?;
                oauth.users.get(name).filter(|user| user.password == password).cloned()
            } else {
                None
            }
        };
        let user = user.ok_or_else(refusal)?;
        let state = self.read();
        let sys_id = state
            .tables
            .get("sys_user")
            .and_then(|table| table.position("user_name").and_then(|at| table.by_unique(at, &user.user_name)))
            .unwrap_or_default()
            .to_owned();
        Ok(Caller { user_name: user.user_name, sys_id, zone: user.zone })
    }
}

/// Whom a grant lets in as which user, and whether it comes with a refresh token.
fn grant(
    oauth: &mut Oauth,
    client: &OauthClient,
    form: &BTreeMap<String, String>,
    settings: &Settings,
    now_s: i64,
) -> Result<(String, bool), Reply> {
    let field = |name: &str| form.get(name).map_or("", String::as_str);
    let denied = |code: &str| refused(StatusCode::UNAUTHORIZED, code, "access_denied");
    let switched_off =
        || refused(StatusCode::UNAUTHORIZED, "unsupported_grant_type", "grant type is not supported");
    let secret_holds = client.client_secret == field("client_secret");
    match field("grant_type") {
        "client_credentials" => {
            if !settings.client_credentials_enabled {
                return Err(switched_off());
            }
            if !secret_holds || client.client_secret.is_empty() {
                return Err(denied("invalid_client"));
            }
            client.application_user.clone().map(|user| (user, false)).ok_or_else(|| denied("access_denied"))
        }
        "urn:ietf:params:oauth:grant-type:jwt-bearer" => {
            if !secret_holds {
                return Err(denied("invalid_client"));
            }
            check_assertion(oauth, client, field("assertion"), now_s, settings.jwt_clock_skew_s)
                .map(|user| (user, false))
                .map_err(|why| refused(StatusCode::UNAUTHORIZED, "invalid_grant", why))
        }
        "password" => {
            if !settings.password_grant_enabled {
                return Err(switched_off());
            }
            let known =
                oauth.users.get(field("username")).is_some_and(|user| user.password == field("password"));
            if !secret_holds || !known {
                return Err(denied("access_denied"));
            }
            Ok((field("username").to_owned(), true))
        }
        "refresh_token" => {
            let fits = |token: &&Token| token.client_id == client.client_id && token.expires_s > now_s;
            let known = oauth.refresh.get(field("refresh_token")).filter(fits).filter(|_| secret_holds);
            known.map(|token| (token.user_name.clone(), true)).ok_or_else(|| denied("invalid_grant"))
        }
        _ => Err(refused(StatusCode::BAD_REQUEST, "unsupported_grant_type", "grant type is not supported")),
    }
}

/// Name and password of a Basic header.
fn basic(request: &Request) -> Option<(String, String)> {
    let (scheme, value) = request.header_text("authorization")?.split_once(' ')?;
    if !scheme.eq_ignore_ascii_case("basic") {
        return None;
    }
    let decoded = String::from_utf8(base64::engine::general_purpose::STANDARD.decode(value).ok()?).ok()?;
    decoded.split_once(':').map(|(name, password)| (name.to_owned(), password.to_owned()))
}

/// The user an assertion stands for.
fn check_assertion(
    oauth: &mut Oauth,
    client: &OauthClient,
    assertion: &str,
    now_s: i64,
    skew_s: i64,
) -> Result<String, &'static str> {
    let allowed = [Algorithm::RS256, Algorithm::RS384, Algorithm::RS512, Algorithm::ES256, Algorithm::ES384];
    let token = jwt::verify(assertion, &client.keys, &allowed)?;
    if !token.is_for(&client.audience) {
        return Err("aud must be the client id");
    }
    if token.text("iss") != client.client_id {
        return Err("iss must be the client id");
    }
    let expires_s = token.seconds("exp").ok_or("exp is missing")?;
    if expires_s + skew_s <= now_s {
        return Err("the assertion has expired");
    }
    if token.seconds("iat").is_some_and(|issued| issued > now_s + skew_s) {
        return Err("iat lies in the future");
    }
    if token.text("jti").is_empty() || !oauth.seen.first_use(token.text("jti"), expires_s + skew_s, now_s) {
        return Err("jti is missing or was used before");
    }
    let subject = token.text("sub");
    oauth
        .users
        .values()
        .find(|user| user.email == subject || user.user_name == subject)
        .map(|user| user.user_name.clone())
        .ok_or("sub names no user")
}
