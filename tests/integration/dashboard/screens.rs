//! The dashboard in Debian's Chromium: sign-in by link, each page in light and dark on a desk and on a phone, the flows that need script,
//! and that no request leaves for another host. Screenshots stay in `target/screenshots`.

use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use fantoccini::{Client, ClientBuilder, Locator};
use http::Method;
use serde_json::{Value as Json, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::support::gateway::{Builder, Gateway};
use crate::support::upstream::Upstream;

const HOST: &str = "api.acme.test";

/// Nothing here may take this long.
const LONG: Duration = Duration::from_secs(60);

const CONNECTOR: &str = "
connector: acme
name: Acme Payments
version: 1
domains: [api.acme.test]
auth: none
routes:
  - { action: invoice.get, match: 'GET /invoices/{invoice}', summary: 'Reads invoice {invoice}' }
  - { action: invoice.list, match: 'GET /invoices', summary: Lists invoices }
  - { action: invoice.delete, match: 'DELETE /invoices/{invoice}', risk: high, summary: 'Deletes invoice {invoice}' }
  - { action: refund.create, match: 'POST /refunds', risk: critical, params: { amount: { from: $.amount, type: int }, invoice: $.invoice }, summary: 'Refunds {amount} of invoice {invoice}' }
";

const RULES: &str = "
permissions:
  - { agents: [ci], connector: acme, access: full }
  - { agents: [support], connector: acme, access: read_only }
policies:
  - { id: ask-before-refunds, actions: [acme.refund.create], decision: require_approval, reason: A person looks at each refund. }
  - { id: no-deletions, actions: ['*.delete'], decision: deny, reason: Invoices are kept for ten years., suggest: Cancel it instead. }
";

/// A browser of its own, by its driver.
struct Screen {
    driver: Child,
    client: Client,
    port: u16,
    base: String,
}

impl Screen {
    async fn open(gateway: &Gateway) -> Self {
        let mut driver = Command::new("chromedriver");
        driver
            .args(["--port=0", "--allowed-ips="])
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true);
        let mut driver = driver
            .spawn()
            .expect("chromedriver is installed: `make setup`");
        let mut lines = BufReader::new(driver.stdout.take().unwrap()).lines();
        let listening = async {
            loop {
                let line = lines.next_line().await.unwrap();
                let line = line.expect("chromedriver says its port");
                if let Some((_, port)) = line.split_once("started successfully on port ") {
                    return port.trim_end_matches('.').parse().unwrap();
                }
            }
        };
        let port = tokio::time::timeout(LONG, listening)
            .await
            .expect("chromedriver starts");
        tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
        let capabilities = json!({
            "goog:chromeOptions": { "args": ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-proxy-server", "--hide-scrollbars"] },
            "goog:loggingPrefs": { "performance": "ALL", "browser": "ALL" },
        });
        let Json::Object(capabilities) = capabilities else {
            unreachable!()
        };
        let client = ClientBuilder::new(hyper_util::client::legacy::connect::HttpConnector::new())
            .capabilities(capabilities)
            .connect(&format!("http://127.0.0.1:{port}"))
            .await
            .unwrap();
        Self {
            driver,
            client,
            port,
            base: format!("http://{}", gateway.serving().addresses().admin[0]),
        }
    }

    /// Asks the driver for what `WebDriver` does not have.
    async fn vendor(&self, path: &str, body: &Json) -> Json {
        let session = self.client.session_id().await.unwrap().unwrap();
        let url = format!("http://127.0.0.1:{}/session/{session}/{path}", self.port);
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let answer: Json = client
            .post(url)
            .json(body)
            .send()
            .await
            .unwrap()
            .json()
            .await
            .unwrap();
        answer["value"].clone()
    }

    async fn devtools(&self, command: &str, params: Json) -> Json {
        self.vendor(
            "goog/cdp/execute",
            &json!({ "cmd": command, "params": params }),
        )
        .await
    }

    async fn size(&self, (width, height): (u32, u32)) {
        let metrics = json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600 });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics)
            .await;
    }

    async fn theme(&self, theme: &str) {
        let features = json!({ "features": [{ "name": "prefers-color-scheme", "value": theme }] });
        self.devtools("Emulation.setEmulatedMedia", features).await;
    }

    async fn goto(&self, path: &str) {
        self.client
            .goto(&format!("{}{path}", self.base))
            .await
            .unwrap();
    }

    /// Keeps a picture of the whole page.
    async fn shoot(&self, name: &str) {
        let metrics = self.devtools("Page.getLayoutMetrics", json!({})).await;
        let size = &metrics["cssContentSize"];
        let height = size["height"].as_f64().unwrap().min(3000.0);
        let clip = json!({ "x": 0, "y": 0, "width": size["width"], "height": height, "scale": 1 });
        let params = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let shot = self.devtools("Page.captureScreenshot", params).await;
        let bytes = base64::engine::general_purpose::STANDARD
            .decode(shot["data"].as_str().unwrap())
            .unwrap();
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("target/screenshots");
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(format!("{name}.png")), bytes).unwrap();
    }

    async fn run(&self, script: &str) -> Json {
        self.client.execute(script, Vec::new()).await.unwrap()
    }

    async fn wait_for(&self, css: &str) -> fantoccini::elements::Element {
        let found = self
            .client
            .wait()
            .at_most(LONG)
            .for_element(Locator::Css(css))
            .await;
        found.unwrap_or_else(|error| panic!("{css}: {error}"))
    }

    async fn text(&self) -> String {
        self.run("return document.body.innerText")
            .await
            .as_str()
            .unwrap()
            .to_owned()
    }

    async fn close(mut self) {
        self.client.close().await.unwrap();
        self.driver.kill().await.unwrap();
    }
}

/// Checks of a page that need a browser: names of controls, contrast, one heading, nothing wider than the screen.
const CHECKS: &str = r#"
const problems = [];
const luminance = ([r, g, b]) => {
  const [x, y, z] = [r, g, b].map((c) => { c /= 255; return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4; });
  return 0.2126 * x + 0.7152 * y + 0.0722 * z;
};
const rgba = (text) => { const n = text.match(/[\d.]+/g).map(Number); return n.length === 3 ? [...n, 1] : n; };
const behind = (element) => {
  for (let at = element; at; at = at.parentElement) {
    const colour = rgba(getComputedStyle(at).backgroundColor);
    if (colour[3] === 1) return colour;
  }
  return [255, 255, 255, 1];
};
const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
while (walker.nextNode()) {
  const element = walker.currentNode.parentElement;
  if (!walker.currentNode.data.trim() || !element.checkVisibility() || element.closest("svg, option, script, :disabled")) continue;
  const [one, other] = [luminance(rgba(getComputedStyle(element).color)), luminance(behind(element))];
  const ratio = (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
  if (ratio < 4.5) problems.push(`contrast ${ratio.toFixed(2)}: ${walker.currentNode.data.trim().slice(0, 40)}`);
}
for (const control of document.querySelectorAll("input:not([type=hidden]), select, textarea")) {
  const name = control.getAttribute("aria-label") || [...(control.labels || [])].map((label) => label.textContent.trim()).join("");
  if (!name) problems.push(`no name: ${control.outerHTML.slice(0, 80)}`);
}
for (const control of document.querySelectorAll("a, button")) {
  if (!(control.getAttribute("aria-label") || control.textContent.trim())) problems.push(`no name: ${control.outerHTML.slice(0, 80)}`);
}
if (document.querySelectorAll("h1").length !== 1) problems.push("not one h1");
if (document.documentElement.scrollWidth > innerWidth) problems.push(`wider than the screen: ${document.documentElement.scrollWidth} > ${innerWidth}`);
const ids = [...document.querySelectorAll("[id]")].map((element) => element.id);
for (const id of ids) if (ids.indexOf(id) !== ids.lastIndexOf(id)) problems.push(`two ids: ${id}`);
return problems;
"#;

async fn start(upstream: &Upstream) -> Gateway {
    let gateway = Builder::with_github()
        .connector("acme", CONNECTOR)
        .policy("rules", RULES)
        .agent(
            "support",
            "tga_support_0123456789abcdef0123456789",
            "{ team: care }",
        )
        .settings("approval: { timeout: 20ms }")
        .upstream(&format!("{HOST}:443"), upstream)
        .start()
        .await;
    let client = gateway.agent.http1();
    for at in 0..18_u32 {
        let url = match at % 4 {
            0 => format!("https://{HOST}/invoices"),
            _ => format!("https://{HOST}/invoices/INV-{at}"),
        };
        client.get(url).send().await.unwrap();
    }
    for at in 0..4_u32 {
        client
            .delete(format!("https://{HOST}/invoices/INV-{at}"))
            .send()
            .await
            .unwrap();
    }
    let refund =
        json!({ "amount": 4900, "invoice": "INV-2041", "note": "Customer was charged twice." });
    client
        .post(format!("https://{HOST}/refunds"))
        .json(&refund)
        .send()
        .await
        .unwrap();
    gateway.finished(18).await;
    gateway
}

/// Signs in by a link, as `tollgate dashboard` opens it.
async fn sign_in(screen: &Screen, gateway: &Gateway) {
    let (_, made) = gateway
        .admin(Method::POST, "/sign-in/links", &json!({}))
        .await;
    screen
        .client
        .goto(made["links"][0].as_str().unwrap())
        .await
        .unwrap();
    screen.wait_for("nav.side").await;
    let url = screen.run("return location.href").await;
    assert_eq!(
        url,
        format!("{}/", screen.base),
        "the secret is not in the address"
    );
}

/// Returns every page with what it shows at best: names, and addresses.
async fn pages(gateway: &Gateway) -> Vec<(&'static str, String)> {
    let decided = gateway.decided(18).await;
    let record = decided
        .iter()
        .find(|record| record["decision"] == "deny")
        .unwrap();
    let record = format!("/activity/{}", record["request_id"].as_str().unwrap());
    let (_, approvals) = gateway
        .admin(Method::GET, "/api/v1/approvals", &Json::Null)
        .await;
    let approval = format!(
        "/approvals/{}",
        approvals["approvals"][0]["id"].as_str().unwrap()
    );
    let builder = "/policies/new?id=small-refunds&agents=ci&actions=acme.refund.create&field=amount&operator=greater&value=5000&decision=deny&reason=Over+50+euros+a+person+refunds.";
    let playground = format!("/playground?agent=ci&request=DELETE%20https://{HOST}/invoices/INV-7");
    let pages = vec![
        ("overview", "/"),
        ("activity", "/activity"),
        ("record", record.as_str()),
        ("approvals", "/approvals"),
        ("approval", approval.as_str()),
        ("agents", "/agents"),
        ("agent", "/agents/support"),
        ("permissions", "/permissions"),
        ("policies", "/policies"),
        ("builder", builder),
        ("connectors", "/connectors"),
        ("connector", "/connectors/acme"),
        ("playground", playground.as_str()),
        ("credentials", "/credentials?connector=github"),
        ("journal", "/journal"),
        ("kill-switch", "/kill-switch"),
        ("settings", "/settings"),
    ];
    let pages = pages.into_iter();
    pages.map(|(name, path)| (name, path.to_owned())).collect()
}

/// Where `make setup` puts axe, which looks at pages as people with screen readers and keyboards need them.
const AXE: &str = concat!(
    env!("CARGO_MANIFEST_DIR"),
    "/target/axe/node_modules/axe-core/axe.min.js"
);

/// Asks axe; each finding is a rule and the first place.
const ASK_AXE: &str = r#"
const done = arguments[arguments.length - 1];
axe.run(document, { runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"] }).then(
  ({ violations }) => done(violations.map((found) => `${found.id}: ${found.nodes[0].html.slice(0, 160)}: ${found.nodes[0].failureSummary.slice(0, 200)}`)),
  (error) => done([String(error)]));
"#;

#[tokio::test(flavor = "multi_thread")]
async fn axe_finds_nothing_on_any_page_in_light_and_dark_on_a_desk_and_on_a_phone() {
    let axe = std::fs::read_to_string(AXE).expect("axe is installed: `make setup`");
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let screen = Screen::open(&gateway).await;
    sign_in(&screen, &gateway).await;
    let mut wrong = std::collections::BTreeSet::new();
    let pages = pages(&gateway).await;
    for size in [(1440, 900), (390, 844)] {
        screen.size(size).await;
        for theme in ["light", "dark"] {
            screen.theme(theme).await;
            for (name, path) in &pages {
                screen.goto(path).await;
                screen.run(&axe).await;
                let found = screen.client.execute_async(ASK_AXE, Vec::new()).await;
                let found = found.unwrap();
                for finding in found.as_array().unwrap() {
                    let finding = finding.as_str().unwrap();
                    wrong.insert(format!("{finding} ({name}, {}, {theme})", size.0));
                }
            }
        }
    }
    screen.close().await;
    let wrong: Vec<String> = wrong.into_iter().collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn every_page_is_readable_in_light_and_dark_on_a_desk_and_on_a_phone() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let screen = Screen::open(&gateway).await;
    screen.goto("/activity").await;
    screen.shoot("sign-in").await;
    sign_in(&screen, &gateway).await;
    let pages = pages(&gateway).await;
    let mut wrong = Vec::new();
    for (width, size) in [(1440, (1440, 900)), (390, (390, 844))] {
        screen.size(size).await;
        for theme in ["light", "dark"] {
            screen.theme(theme).await;
            for (name, path) in &pages {
                screen.goto(path).await;
                let problems = screen.run(CHECKS).await;
                for problem in problems.as_array().unwrap() {
                    wrong.push(format!(
                        "{name} {width} {theme}: {}",
                        problem.as_str().unwrap()
                    ));
                }
                screen.shoot(&format!("{name}-{width}-{theme}")).await;
            }
        }
    }
    let log = screen
        .vendor("se/log", &json!({ "type": "performance" }))
        .await;
    for entry in log.as_array().unwrap() {
        let message: Json = serde_json::from_str(entry["message"].as_str().unwrap()).unwrap();
        let message = &message["message"];
        if message["method"] == "Network.requestWillBeSent" {
            let url = message["params"]["request"]["url"].as_str().unwrap();
            let is_here = url.starts_with(&screen.base)
                || url.starts_with("data:")
                || url.starts_with("about:")
                || url.starts_with("chrome");
            assert!(is_here, "a request leaves for {url}");
        }
    }
    let console = screen.vendor("se/log", &json!({ "type": "browser" })).await;
    for entry in console.as_array().unwrap() {
        let message = entry["message"].as_str().unwrap();
        // `/session` answers 401 before anybody is signed in.
        if !message.contains("/session") {
            wrong.push(format!("console: {message}"));
        }
    }
    screen.close().await;
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_table_is_live_the_builder_shows_its_effect_and_a_phone_approves() {
    let upstream = Upstream::start(&[HOST]).await;
    let gateway = start(&upstream).await;
    let screen = Screen::open(&gateway).await;
    sign_in(&screen, &gateway).await;

    screen.goto("/activity").await;
    screen.wait_for("#live-state").await;
    let fresh = gateway
        .agent
        .http1()
        .get(format!("https://{HOST}/invoices/INV-LIVE"))
        .send()
        .await
        .unwrap();
    assert!(fresh.status().is_success());
    let id = gateway.decided(24).await.pop().unwrap()["request_id"]
        .as_str()
        .unwrap()
        .to_owned();
    screen.wait_for(&format!("#r-{id}")).await;
    let ended = format!("return document.querySelector('#r-{id} [data-status]').textContent");
    let wait = async { while screen.run(&ended).await != "200" {} };
    tokio::time::timeout(LONG, wait)
        .await
        .expect("the row says how the request ended");

    screen.goto("/policies/new").await;
    for (name, text) in [
        ("id", "no-big-refunds"),
        ("actions", "acme.refund.create"),
        ("field", "amount"),
        ("value", "5000"),
    ] {
        let field = screen.wait_for(&format!("[name={name}]")).await;
        field.send_keys(text).await.unwrap();
    }
    let operator = screen.wait_for("[name=operator]").await;
    operator.select_by_value("greater").await.unwrap();
    screen
        .wait_for("#save:not(:disabled)")
        .await
        .click()
        .await
        .unwrap();
    screen.wait_for("a[href='/policies/no-big-refunds']").await;
    let (_, policies) = gateway
        .admin(Method::GET, "/api/v1/policies", &Json::Null)
        .await;
    let policies = policies["policies"].as_array().unwrap().clone();
    let saved = policies
        .iter()
        .find(|policy| policy["id"] == "no-big-refunds")
        .unwrap();
    assert_eq!(
        saved["when"],
        "(!has(params.amount) || params.amount > 5000)"
    );

    screen.size((390, 844)).await;
    screen.goto("/approvals").await;
    screen
        .wait_for("#pending a.button")
        .await
        .click()
        .await
        .unwrap();
    screen
        .wait_for(".sticky .primary")
        .await
        .click()
        .await
        .unwrap();
    screen.wait_for("#pending .empty").await;
    let (_, approvals) = gateway
        .admin(Method::GET, "/api/v1/approvals", &Json::Null)
        .await;
    assert_eq!(approvals["approvals"][0]["status"], "approved");

    screen.size((1440, 900)).await;
    screen.goto("/permissions?connector=github").await;
    let choice = screen
        .wait_for("select[aria-label='support on github']")
        .await;
    choice.select_by_value("read_only").await.unwrap();
    screen.wait_for("main form .primary").await;
    assert!(
        screen
            .text()
            .await
            .contains("Give support read_only on github?")
    );

    let sign_out = screen.wait_for("form[action='/sign-out'] button").await;
    sign_out.click().await.unwrap();
    screen.wait_for("#token").await;
    screen.goto("/agents?x=1").await;
    let token = std::fs::read_to_string(gateway.path("state/operator.token")).unwrap();
    let field = screen.wait_for("#token").await;
    field.send_keys(token.trim()).await.unwrap();
    screen
        .wait_for("form .primary")
        .await
        .click()
        .await
        .unwrap();
    screen.wait_for("nav.side").await;
    let here = screen
        .run("return location.pathname + location.search")
        .await;
    assert_eq!(here, "/agents?x=1", "the page that was asked for opens");
    screen.close().await;
}
