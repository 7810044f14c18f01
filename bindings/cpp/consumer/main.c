// Ends with 0 when the library answers as its header says.
#include <auth.h>
#include <stdio.h>
#include <string.h>

int main(void) {
  auth_config *auth = auth_config_new();
  auth_record record;
  auth_status status = auth_config_set(auth, "isuer", "x", &record.verdict, sizeof record);
  puts(auth_text_of(&record.verdict, record.verdict.log));
  auth_config_free(auth);
  return status != AUTH_STATUS_OPTION_UNKNOWN || auth_abi() != AUTH_ABI;
}
