DROP INDEX releases_published_by;
DROP TABLE member_blobs;
DROP TABLE quotas;
