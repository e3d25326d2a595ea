DROP TABLE key_compromises;
DROP TABLE advisories;
DROP TABLE evaluations;
DROP TABLE model_signatures;
