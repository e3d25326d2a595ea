//! The matrix of roles and routes: who gets what.

/// Who asks. The extractor is alpha's, and so are all tokens but `Other`.
pub(super) const ASKERS: [&str; 6] = [
    "nobody",
    "reader",
    "publisher",
    "other's admin",
    "revoked",
    "expired",
];

/// What each of them gets.
pub(super) type Statuses = [u16; 6];

/// The same for all: what is said of itself, and what comes without a look at tokens.
const fn open(status: u16) -> Statuses {
    [status; 6]
}

/// For members.
const fn reading(status: u16) -> Statuses {
    [401, status, status, status, 401, 401]
}

/// For members with a publishing token; what the owner gets, and what another member.
const fn writing(own: u16, other: u16) -> Statuses {
    [401, 403, own, other, 401, 401]
}

/// In which function of the table of routes, with which path, and then what is asked.
pub(super) type Row = (
    (&'static str, &'static str),
    &'static str,
    &'static str,
    Statuses,
);

pub(super) const README: &str = "{digest of README.md}";
pub(super) const COMMIT: &str = "{commit}";

pub(super) const ROWS: &[Row] = &[
    // the hub itself
    (("at", "/health/live"), "GET", "/health/live", open(200)),
    (("at", "/health/ready"), "GET", "/health/ready", open(200)),
    (("at", "/healthz"), "GET", "/healthz", open(200)),
    (("at", "/readyz"), "GET", "/readyz", open(200)),
    (("at", "/metrics"), "GET", "/metrics", open(404)),
    (("at", "/api/v1"), "GET", "/api/v1", open(200)),
    ((".on", "/whoami"), "GET", "/api/v1/whoami", reading(200)),
    (
        (".on", "/openapi.json"),
        "GET",
        "/api/v1/openapi.json",
        open(200),
    ),
    (
        ("at", "/tuf/{path:.*}"),
        "GET",
        "/tuf/metadata/1.root.json",
        open(200),
    ),
    (
        (".on", "/trust-root"),
        "POST",
        "/api/v1/trust-root",
        writing(422, 422),
    ),
    // extractors and releases
    (
        (".on", "/extractors"),
        "GET",
        "/api/v1/extractors",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}"),
        "GET",
        "/api/v1/extractors/alpha/squares",
        reading(200),
    ),
    (
        (".on", ""),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0",
        reading(200),
    ),
    (
        (".on", ""),
        "PUT",
        "/api/v1/extractors/alpha/squares/releases/1.0.0",
        writing(200, 403),
    ),
    (
        (".on", "/readme"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/readme",
        reading(200),
    ),
    (
        (".on", "/files/{path:.*}"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/files/model.onnx",
        reading(200),
    ),
    (
        (".on", "/files/{path:.*}"),
        "HEAD",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/files/model.onnx",
        reading(200),
    ),
    (
        (".on", "/evaluations"),
        "GET",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/evaluations",
        reading(200),
    ),
    // It is gamma's statement: nobody else can send it, not even the owner.
    (
        (".on", "/evaluations"),
        "POST",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/evaluations",
        writing(403, 201),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/advisories"),
        "GET",
        "/api/v1/extractors/alpha/squares/advisories",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/advisories"),
        "POST",
        "/api/v1/extractors/alpha/squares/advisories",
        writing(201, 403),
    ),
    (
        (".on", "/key-compromises"),
        "GET",
        "/api/v1/key-compromises",
        reading(200),
    ),
    (
        (".on", "/key-compromises"),
        "POST",
        "/api/v1/key-compromises",
        writing(422, 422),
    ),
    (
        (".on", "/model-signature"),
        "PUT",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/model-signature",
        writing(422, 403),
    ),
    // the log
    (
        ("at", "/log/checkpoint"),
        "GET",
        "/log/checkpoint",
        reading(200),
    ),
    (
        ("at", "/log/tile/{path:.*}"),
        "GET",
        "/log/tile/0/000.p/1",
        reading(200),
    ),
    // blobs
    (("at", "/v2/"), "GET", "/v2/", reading(200)),
    (
        ("v2", "/blobs/uploads/"),
        "POST",
        "/v2/alpha/squares/blobs/uploads/",
        writing(202, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "GET",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "PATCH",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "PUT",
        "/v2/alpha/squares/blobs/uploads/x?digest={digest of README.md}",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/uploads/{upload}"),
        "DELETE",
        "/v2/alpha/squares/blobs/uploads/x",
        writing(404, 403),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "GET",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        reading(200),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "HEAD",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        reading(200),
    ),
    (("at", "/v2/{rest:.*}"), "GET", "/v2/nothing", reading(404)),
    // the Hugging Face Hub's protocol
    (
        ("at", "/api/whoami-v2"),
        "GET",
        "/api/whoami-v2",
        reading(200),
    ),
    (("at", "/api/models"), "GET", "/api/models", reading(200)),
    (
        ("model", ""),
        "GET",
        "/api/models/alpha/squares",
        reading(200),
    ),
    (
        ("model", "/refs"),
        "GET",
        "/api/models/alpha/squares/refs",
        reading(200),
    ),
    (
        ("model", "/revision/{revision}"),
        "GET",
        "/api/models/alpha/squares/revision/{commit}",
        reading(200),
    ),
    (
        ("model", "/tree/{revision}"),
        "GET",
        "/api/models/alpha/squares/tree/1.0.0",
        reading(200),
    ),
    (
        ("model", "/tree/{revision}/{path:.*}"),
        "GET",
        "/api/models/alpha/squares/tree/1.0.0/probes",
        reading(200),
    ),
    (
        ("model", "/paths-info/{revision}"),
        "POST",
        "/api/models/alpha/squares/paths-info/1.0.0",
        reading(200),
    ),
    (
        ("repository", "/resolve/{revision}/{path:.*}"),
        "GET",
        "/alpha/squares/resolve/1.0.0/README.md",
        reading(200),
    ),
    (
        ("repository", "/resolve/{revision}/{path:.*}"),
        "HEAD",
        "/alpha/squares/resolve/1.0.0/README.md",
        reading(200),
    ),
    (
        (".on", "/extractors/{namespace}/{name}/blobs/{digest}/delta"),
        "GET",
        "/api/v1/extractors/alpha/squares/blobs/{digest of README.md}/delta?from={digest of README.md}",
        reading(200),
    ),
    // releases for clients of container registries, which push to and delete from none
    (("at", "/v2/token"), "GET", "/v2/token", reading(200)),
    (("at", "/v2/_catalog"), "GET", "/v2/_catalog", reading(200)),
    (
        ("v2", "/tags/list"),
        "GET",
        "/v2/alpha/squares/tags/list",
        reading(200),
    ),
    (
        ("v2", "/referrers/{digest}"),
        "GET",
        "/v2/alpha/squares/referrers/{digest of README.md}",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "GET",
        "/v2/alpha/squares/manifests/1.0.0",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "HEAD",
        "/v2/alpha/squares/manifests/1.0.0",
        reading(200),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "PUT",
        "/v2/alpha/squares/manifests/1.0.0",
        writing(405, 405),
    ),
    (
        ("v2", "/manifests/{reference}"),
        "DELETE",
        "/v2/alpha/squares/manifests/1.0.0",
        writing(405, 405),
    ),
    (
        ("v2", "/blobs/{digest}"),
        "DELETE",
        "/v2/alpha/squares/blobs/{digest of README.md}",
        writing(405, 405),
    ),
    // pages
    (("read", "/"), "GET", "/", reading(200)),
    (("read", "/"), "HEAD", "/", reading(200)),
    (
        ("read", "/extractors/{name:[^/]+(?:/[^/]+)?}"),
        "GET",
        "/extractors/alpha/squares",
        reading(200),
    ),
    (
        ("read", "/extractors/{name:[^/]+(?:/[^/]+)?}"),
        "HEAD",
        "/extractors/alpha/squares",
        reading(200),
    ),
    (
        ("read", "/probe-images/{namespace}/{name}/{version}/{file}"),
        "GET",
        "/probe-images/alpha/squares/1.0.0/red.png",
        reading(200),
    ),
    (
        ("read", "/probe-images/{namespace}/{name}/{version}/{file}"),
        "HEAD",
        "/probe-images/alpha/squares/1.0.0/red.png",
        reading(200),
    ),
    (("read", "/log"), "GET", "/log", reading(200)),
    (("read", "/log"), "HEAD", "/log", reading(200)),
    (("read", "/members"), "GET", "/members", reading(200)),
    (("read", "/members"), "HEAD", "/members", reading(200)),
    (("at", "/login"), "GET", "/login", open(200)),
    (("at", "/login"), "POST", "/login", open(401)),
    (("at", "/logout"), "POST", "/logout", open(303)),
    (
        ("at", "/assets/{file}"),
        "GET",
        "/assets/icon.svg",
        open(200),
    ),
    // last, as a yanked release is another answer to much of the above
    (
        (".on", "/yanks"),
        "POST",
        "/api/v1/extractors/alpha/squares/releases/1.0.0/yanks",
        writing(201, 403),
    ),
];
