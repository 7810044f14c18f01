// A test-only key and a token signed with it: the private key was thrown away when they were made.
// The token expires on 2100-01-01.
#define TEST_ISSUER "https://id.example"
#define TEST_AUDIENCE "https://api.example"
#define TEST_EXPIRES_AT INT64_C(4102444800)

#define TEST_JWKS \
    "{\"keys\":[{\"kty\":\"EC\",\"crv\":\"P-256\"," \
    "\"x\":\"L_T4I1pwKFvG_QYqN0BM84DdkC_Fc2aqYBZg-Ru3TXg\"," \
    "\"y\":\"5kBIdz7RXUQzl4Zus5T2v-ZasVMG3WDRQaEyKVdqeOA\"," \
    "\"kid\":\"test-only\",\"alg\":\"ES256\",\"use\":\"sig\"}]}"

#define TEST_HEADER "{\"alg\":\"ES256\",\"typ\":\"at+jwt\",\"kid\":\"test-only\"}"
#define TEST_CLAIMS \
    "{\"iss\":\"https://id.example\",\"aud\":\"https://api.example\",\"sub\":\"alice\"," \
    "\"client_id\":\"svc\"," \
    "\"scope\":\"read:orders write:orders\",\"iat\":1700000000,\"exp\":4102444800,\"jti\":\"1\"}"

#define TEST_TOKEN \
    "eyJhbGciOiJFUzI1NiIsInR5cCI6ImF0K2p3dCIsImtpZCI6InRlc3Qtb25seSJ9.eyJpc3MiOiJodHRwczovL2lkL" \
    "mV4YW1wbGUiLCJhdWQiOiJodHRwczovL2FwaS5leGFtcGxlIiwic3ViIjoiYWxpY2UiLCJjbGllbnRfaWQiOiJzdmM" \
    "iLCJzY29wZSI6InJlYWQ6b3JkZXJzIHdyaXRlOm9yZGVycyIsImlhdCI6MTcwMDAwMDAwMCwiZXhwIjo0MTAyNDQ0O" \
    "DAwLCJqdGkiOiIxIn0.m23ub1JyW0_FjYeHec9DNDE4VcOwrDeTRvH3mC7Yk5fwAKTe9N5sG2zJnGrIOwgScV6Br44" \
    "2pcmmiUbzxLq6JQ"
