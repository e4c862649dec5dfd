// Package storagetest gives each test a database of its own.
//
// One throw-away cluster is started for each test process and ends with it, files
// and all; or the one that GATEHOUSE_TEST_DATABASE_URL names is used. In it stands
// one template database for each state of the migrations, from which a test's
// database is cloned in a few tens of milliseconds. There is no fake: without a
// PostgreSQL the test fails. Only tests may import the package.
package storagetest
