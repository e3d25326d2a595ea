//! A member that the hub knows by its certificate, without a token.

use std::fs;
use std::path::Path;

use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};

use super::world::World;

fn authority(file: &Path) -> Issuer<'static, KeyPair> {
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    fs::write(file, params.self_signed(&pair).unwrap().pem()).unwrap();
    Issuer::new(params, pair)
}

/// Writes `NAME.pem` and `NAME.key` of a client.
fn certificate(folder: &Path, authority: &Issuer<'_, KeyPair>, name: &str) -> [String; 2] {
    let pair = KeyPair::generate().unwrap();
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    let made = params.signed_by(&pair, authority).unwrap();
    [("pem", made.pem()), ("key", pair.serialize_pem())].map(|(extension, text)| {
        let file = folder.join(name).with_extension(extension);
        fs::write(&file, text).unwrap();
        file.to_str().unwrap().to_owned()
    })
}

#[test]
fn a_member_pulls_and_publishes_with_a_certificate() {
    let Some(mut world) = World::start() else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("members-ca.pem");
    let authority = authority(&file);
    let file = file.to_str().unwrap();
    let args = [
        "--dev-tls",
        "--require-client-cert",
        "--client-cert-scope",
        "publish",
        "--client-ca",
        file,
    ];
    world.restart_with(&args);
    let (url, pinned) = (world.server.url.clone(), world.server.certificate.clone());
    let login = ["login", &url, "--certificate", &pinned, "--anonymous"];
    world.hub("alpha", &login).fails(4, "--client-cert");
    for member in ["alpha", "beta"] {
        let [chain, key] = certificate(folder.path(), &authority, member);
        let own = ["--client-cert", &chain, "--client-key", &key];
        let said = world.hub(member, &[&login[..], &own].concat()).ok();
        assert!(said.stdout.contains(member), "{}", said.stdout);
    }
    world.publish(&world.author("dots", "1.0.0", "means", 4));
    world.hub("beta", &["pull", "dots@1"]).ok();
    // The files are read each time, so that they can be renewed; without them nothing works.
    fs::remove_file(folder.path().join("beta.key")).unwrap();
    world.hub("beta", &["search", "dots"]).fails(4, "beta.key");
}
