//! Certificates that change while the server runs, and those that clients show.

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use rcgen::{
    BasicConstraints, CertificateParams, CertificateRevocationListParams, DnType, IsCa, Issuer,
    KeyIdMethod, KeyPair, RevokedCertParams, SanType, SerialNumber, date_time_ymd,
};
use registry_schema::api::{ProblemCode, WhoAmI};
use reqwest::{Certificate, Client, Identity, Method, StatusCode};

use crate::draft::Draft;
use crate::watching::{metrics, value, wait_until};
use crate::world::{ALPHA, PATIENCE, World, problem};

/// Makes another certificate of `localhost` in the place of the server's, until a year.
fn replace(world: &World, until: i32) -> String {
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::new(vec!["127.0.0.1".to_owned()]).unwrap();
    params.not_before = date_time_ymd(2020, 1, 1);
    params.not_after = date_time_ymd(until, 1, 1);
    let pem = params.self_signed(&pair).unwrap().pem();
    fs::write(world.data().join("tls/dev-key.pem"), pair.serialize_pem()).unwrap();
    fs::write(world.certificate_file(), &pem).unwrap();
    pem
}

fn client(pem: &str) -> Client {
    let certificate = Certificate::from_pem(pem.as_bytes()).unwrap();
    Client::builder()
        .tls_certs_only([certificate])
        .build()
        .unwrap()
}

fn hang_up(world: &mut World) {
    let id = world.server_mut().id().to_string();
    let sent = Command::new("kill").args(["-HUP", &id]).status();
    assert!(sent.unwrap().success());
}

#[tokio::test]
async fn a_new_certificate_is_taken_without_a_restart() {
    let mut world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    let taken = r#"hub_server_certificate_changes_total{state="taken"}"#;
    let refused = r#"hub_server_certificate_changes_total{state="refused"}"#;
    let live = format!("{}/healthz", world.base);
    let is_known = async |pem: &str| client(pem).get(&live).send().await.is_ok();
    let before = fs::read_to_string(world.certificate_file()).unwrap();
    // 1. the files change
    let second = replace(&world, 2090);
    wait_until(&world, taken, |taken| taken >= 1.0).await;
    assert!(is_known(&second).await && !is_known(&before).await);
    let end = value(
        &metrics(&world).await,
        "hub_server_certificate_end_timestamp_seconds",
    );
    assert_eq!(end, 3_786_912_000.0);
    // 2. a broken one, or one that has ended, leaves the old one in its place
    fs::write(world.certificate_file(), "nonsense").unwrap();
    hang_up(&mut world);
    wait_until(&world, refused, |refused| refused >= 1.0).await;
    replace(&world, 2021);
    hang_up(&mut world);
    // On a slow machine the first one may have been looked at twice, once without being told.
    wait_until(&world, refused, |refused| refused >= 2.0).await;
    assert!(is_known(&second).await);
    assert_eq!(
        value(&metrics(&world).await, "hub_server_certificate_stale"),
        1.0
    );
    world.until_logged("the old one stays");
    world.until_logged("dev-certificate.pem");
    // 3. the next good one
    let third = replace(&world, 2091);
    hang_up(&mut world);
    let stale = "hub_server_certificate_stale";
    wait_until(&world, stale, |stale| stale == 0.0).await;
    assert!(is_known(&third).await && !is_known(&second).await);
}

#[tokio::test]
async fn a_certificate_that_has_ended_is_told() {
    let mut world = World::start_with(&["--metrics-listen", "127.0.0.1:0"]);
    world.kill();
    replace(&world, 2021);
    let doctor = world.run(&["doctor"]);
    let said = String::from_utf8(doctor.stdout).unwrap();
    assert!(said.contains("BAD      certificate"), "{said}");
    world.serve(&["--metrics-listen", "127.0.0.1:0"]);
    let watched = format!("{}/readyz", world.watched.clone().unwrap());
    let ready = async || Client::new().get(&watched).send().await.unwrap();
    let answer = ready().await;
    assert_eq!(answer.status(), StatusCode::SERVICE_UNAVAILABLE);
    assert!(
        problem(answer, ProblemCode::Unavailable)
            .await
            .contains("2021-01-01")
    );
    replace(&world, 2090);
    hang_up(&mut world);
    let taken = r#"hub_server_certificate_changes_total{state="taken"}"#;
    wait_until(&world, taken, |taken| taken >= 1.0).await;
    assert_eq!(ready().await.status(), StatusCode::OK);
}

/// An authority of the consortium's, which signs members' certificates.
struct Authority(Issuer<'static, KeyPair>);

impl Authority {
    fn new(folder: &Path) -> (Self, String) {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params
            .distinguished_name
            .push(DnType::CommonName, "members");
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let file = folder.join("members-ca.pem");
        fs::write(&file, params.self_signed(&pair).unwrap().pem()).unwrap();
        let path = file.to_str().unwrap().to_owned();
        (Self(Issuer::new(params, pair)), path)
    }

    /// Certificate and key of a client.
    fn sign(&self, common: &str, uri: Option<&str>) -> Identity {
        self.sign_numbered(common, uri, None)
    }

    /// The same with a serial number.
    fn sign_numbered(&self, common: &str, uri: Option<&str>, serial: Option<u64>) -> Identity {
        let pair = KeyPair::generate().unwrap();
        let mut params = CertificateParams::default();
        params.serial_number = serial.map(SerialNumber::from);
        params.distinguished_name.push(DnType::CommonName, common);
        if let Some(uri) = uri {
            params
                .subject_alt_names
                .push(SanType::URI(uri.try_into().unwrap()));
        }
        let made = params.signed_by(&pair, &self.0).unwrap();
        let pem = [made.pem(), pair.serialize_pem()].concat();
        Identity::from_pem(pem.as_bytes()).unwrap()
    }
}

impl Authority {
    /// Writes the list of the certificates that it has revoked.
    fn revoke(&self, file: &Path, serials: &[u64]) {
        let revoked = serials.iter().map(|serial| RevokedCertParams {
            serial_number: SerialNumber::from(*serial),
            revocation_time: date_time_ymd(2026, 1, 1),
            reason_code: None,
            invalidity_date: None,
        });
        let list = CertificateRevocationListParams {
            this_update: date_time_ymd(2026, 1, 1),
            next_update: date_time_ymd(2090, 1, 1),
            crl_number: SerialNumber::from(serials.len() as u64),
            issuing_distribution_point: None,
            revoked_certs: revoked.collect(),
            key_identifier_method: KeyIdMethod::Sha256,
        };
        fs::write(file, list.signed_by(&self.0).unwrap().pem().unwrap()).unwrap();
    }
}

fn client_of(world: &World, identity: Option<Identity>) -> Client {
    let pem = fs::read(world.certificate_file()).unwrap();
    let certificate = Certificate::from_pem(&pem).unwrap();
    let builder = Client::builder().tls_certs_only([certificate]);
    match identity {
        Some(identity) => builder.identity(identity).build().unwrap(),
        None => builder.build().unwrap(),
    }
}

#[tokio::test]
async fn a_members_certificate_is_as_good_as_a_token() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, file) = Authority::new(folder.path());
    let world = World::start_with(&["--client-ca", &file]);
    world
        .published(&Draft::new("alpha/squares", "1.0.0").sign(&[ALPHA]))
        .await;
    let ask = async |identity: Option<Identity>, token: Option<&str>, path: &str| {
        let request = client_of(&world, identity).get(format!("{}{path}", world.base));
        let request = match token {
            Some(token) => request.bearer_auth(token),
            None => request,
        };
        request.send().await
    };
    // 1. by the alternative name, or by the common name
    let uri = Some("urn:extractor-hub:member:beta");
    for (common, uri, member) in [("Beta Inc.", uri, "beta"), ("gamma", None, "gamma")] {
        let answer = ask(Some(authority.sign(common, uri)), None, "/api/v1/whoami").await;
        let me: WhoAmI = serde_json::from_slice(&answer.unwrap().bytes().await.unwrap()).unwrap();
        assert_eq!(me.member.as_str(), member);
        assert_eq!(format!("{:?}", me.scope), "Read");
    }
    // 2. it reads, and publishes nothing
    let beta = || Some(authority.sign("beta", None));
    let shown = ask(beta(), None, "/api/v1/extractors/alpha/squares")
        .await
        .unwrap();
    assert_eq!(shown.status(), StatusCode::OK);
    let upload = client_of(&world, beta()).request(
        Method::POST,
        format!("{}/v2/beta/circles/blobs/uploads/", world.base),
    );
    assert_eq!(upload.send().await.unwrap().status(), StatusCode::FORBIDDEN);
    // 3. with a token both must be the same member's
    let token = world.make_token("beta", "publish");
    let both = ask(beta(), Some(&token), "/api/v1/whoami").await.unwrap();
    assert_eq!(both.status(), StatusCode::OK);
    let other = ask(beta(), Some(&world.token), "/api/v1/whoami")
        .await
        .unwrap();
    assert!(
        problem(other, ProblemCode::Forbidden)
            .await
            .contains("`beta`")
    );
    // 4. nobody's, a stranger's, none, and one of another authority
    let nobody = ask(
        Some(authority.sign("Nobody Inc.", None)),
        None,
        "/api/v1/whoami",
    )
    .await;
    problem(nobody.unwrap(), ProblemCode::Unauthenticated).await;
    let stranger = ask(Some(authority.sign("delta", None)), None, "/api/v1/whoami").await;
    let said = problem(stranger.unwrap(), ProblemCode::Unauthenticated).await;
    assert!(said.contains("delta"), "{said}");
    let none = ask(None, None, "/api/v1/whoami").await.unwrap();
    problem(none, ProblemCode::Unauthenticated).await;
    let (foreign, _) = Authority::new(folder.path());
    let foreign = ask(Some(foreign.sign("beta", None)), None, "/api/v1/whoami").await;
    assert!(foreign.is_err(), "{foreign:?}");
}

#[tokio::test]
async fn connections_without_a_certificate_can_be_refused() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, file) = Authority::new(folder.path());
    let args = [
        "--client-ca",
        &file,
        "--require-client-cert",
        "--client-cert-scope",
        "publish",
    ];
    let world = World::start_with(&args);
    let live = format!("{}/healthz", world.base);
    assert!(client_of(&world, None).get(&live).send().await.is_err());
    let beta = client_of(&world, Some(authority.sign("beta", None)));
    assert_eq!(
        beta.get(&live).send().await.unwrap().status(),
        StatusCode::OK
    );
    let upload = beta.request(
        Method::POST,
        format!("{}/v2/beta/circles/blobs/uploads/", world.base),
    );
    assert_eq!(upload.send().await.unwrap().status(), StatusCode::ACCEPTED);
}

#[tokio::test]
async fn a_revoked_certificate_opens_nothing_any_more() {
    let folder = tempfile::tempdir().unwrap();
    let (authority, file) = Authority::new(folder.path());
    let lists = folder.path().join("revoked.pem");
    authority.revoke(&lists, &[7]);
    let args = [
        "--client-ca",
        &file,
        "--client-crl",
        lists.to_str().unwrap(),
        "--metrics-listen",
        "127.0.0.1:0",
    ];
    let mut world = World::start_with(&args);
    let whoami = format!("{}/api/v1/whoami", world.base);
    let client = |serial| {
        client_of(
            &world,
            Some(authority.sign_numbered("beta", None, Some(serial))),
        )
    };
    // Bodies are read, so that each client keeps its connection.
    let ask = async |client: &Client, url: &str| {
        let answer = client.get(url).send().await.unwrap();
        (answer.status(), answer.text().await.unwrap())
    };
    // 1. one that is in the list does not get as far as a request
    assert!(client(7).get(&whoami).send().await.is_err());
    let (good, other) = (client(8), client(9));
    for client in [&good, &other] {
        assert_eq!(ask(client, &whoami).await.0, StatusCode::OK);
    }
    // 2. what is broken, or no list, changes nothing
    let stale = "hub_server_client_crl_stale";
    for broken in ["nonsense", ""] {
        fs::write(&lists, broken).unwrap();
        hang_up(&mut world);
        wait_until(&world, stale, |stale| stale == 1.0).await;
    }
    assert_eq!(ask(&good, &whoami).await.0, StatusCode::OK);
    // 3. a new list counts for connections that are open, too
    authority.revoke(&lists, &[7, 8]);
    wait_until(&world, stale, |stale| stale == 0.0).await;
    let (status, said) = ask(&good, &whoami).await;
    assert_eq!(status, StatusCode::UNAUTHORIZED);
    assert!(said.contains("was revoked"), "{said}");
    let live = format!("{}/healthz", world.base);
    assert_eq!(ask(&good, &live).await.0, StatusCode::OK);
    assert_eq!(ask(&other, &whoami).await.0, StatusCode::OK);
    let next = "hub_server_client_crl_next_update_timestamp_seconds";
    assert_eq!(value(&metrics(&world).await, next), 3_786_912_000.0);
    // 4. under a list that somebody else has signed nobody is let in
    let (second, _) = Authority::new(folder.path());
    second.revoke(&lists, &[]);
    hang_up(&mut world);
    let begun = Instant::now();
    while ask(&other, &whoami).await.0 != StatusCode::UNAUTHORIZED {
        assert!(begun.elapsed() < PATIENCE, "{}", world.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}
