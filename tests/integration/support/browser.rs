//! A browser without script: keeps the cookie, finds the token of a form, follows nothing.

use std::net::SocketAddr;

use super::gateway::Gateway;

/// An operator's browser at a gateway's dashboard.
#[derive(Debug, Clone)]
pub(crate) struct Browser {
    pub(crate) address: SocketAddr,
    pub(crate) cookie: String,
    pub(crate) csrf: String,
    client: reqwest::Client,
}

/// An answer, read.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Page {
    /// Returns a header, or nothing.
    pub(crate) fn header(&self, name: &str) -> &str {
        let value = self.headers.get(name);
        value.map_or("", |value| value.to_str().unwrap())
    }
}

impl Browser {
    /// Opens one that is not signed in.
    pub(crate) fn at(gateway: &Gateway) -> Self {
        let client = reqwest::Client::builder().no_proxy();
        let client = client.redirect(reqwest::redirect::Policy::none());
        Self {
            address: gateway.serving().addresses().admin[0],
            cookie: String::new(),
            csrf: String::new(),
            client: client.build().unwrap(),
        }
    }

    /// Signs in with a token.
    pub(crate) async fn signed_in(gateway: &Gateway, token: &str) -> Self {
        let mut browser = Self::at(gateway);
        let answer = browser.post("/sign-in", &[("token", token)]).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
        browser.take_cookie(&answer).await;
        browser
    }

    /// Signs in as operator `local`, who owns everything.
    pub(crate) async fn owner(gateway: &Gateway) -> Self {
        let token = std::fs::read_to_string(gateway.path("state/operator.token")).unwrap();
        Self::signed_in(gateway, token.trim()).await
    }

    /// Keeps the cookie of an answer, and the token that forms of its session hold.
    pub(crate) async fn take_cookie(&mut self, answer: &Page) {
        let cookie = answer.header("set-cookie");
        self.cookie = cookie.split(';').next().unwrap().to_owned();
        let page = self.get("/agents").await;
        let start = page.text.split_once("name=\"csrf\" value=\"").unwrap().1;
        self.csrf = start.split('"').next().unwrap().to_owned();
    }

    /// Opens a page.
    pub(crate) async fn get(&self, path: &str) -> Page {
        let request = self.client.get(self.url(path));
        read(request.header("cookie", &self.cookie)).await
    }

    /// Opens an address as a browser that asks for a page.
    pub(crate) async fn navigate(&self, path: &str) -> Page {
        let request = self.client.get(self.url(path));
        let request = request.header("accept", "text/html,*/*;q=0.8");
        read(request.header("cookie", &self.cookie)).await
    }

    /// Sends a form of this session.
    pub(crate) async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        let mut form = form_urlencoded::Serializer::new(String::new());
        form.append_pair("csrf", &self.csrf).extend_pairs(fields);
        self.post_with(path, form.finish(), &[]).await
    }

    /// Sends any body with headers of its own.
    pub(crate) async fn post_with(
        &self,
        path: &str,
        body: String,
        headers: &[(&str, &str)],
    ) -> Page {
        let mut request = self.client.post(self.url(path)).body(body);
        request = request.header("content-type", "application/x-www-form-urlencoded");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        read(request.header("cookie", &self.cookie)).await
    }

    /// Opens a stream and leaves it unread.
    pub(crate) async fn stream(&self, path: &str) -> reqwest::Response {
        let request = self.client.get(self.url(path));
        request.header("cookie", &self.cookie).send().await.unwrap()
    }

    fn url(&self, path: &str) -> String {
        format!("http://{}{path}", self.address)
    }
}

async fn read(request: reqwest::RequestBuilder) -> Page {
    let answer = request.send().await.unwrap();
    Page {
        status: answer.status().as_u16(),
        headers: answer.headers().clone(),
        text: answer.text().await.unwrap(),
    }
}
