-- Manifests count against the quota of who has pushed them; their sum is read from the index alone.
CREATE INDEX oci_manifests_pushed_by ON oci_manifests (pushed_by, size_bytes);
