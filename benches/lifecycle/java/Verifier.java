import com.nimbusds.jose.jwk.source.JWKSourceBuilder;
import com.nimbusds.jose.proc.SecurityContext;
import com.nimbusds.jose.util.DefaultResourceRetriever;
import java.io.BufferedReader;
import java.io.InputStreamReader;
import java.net.URI;
import java.util.List;
import java.util.concurrent.Executors;
import org.springframework.security.core.SpringSecurityCoreVersion;
import org.springframework.security.oauth2.core.DelegatingOAuth2TokenValidator;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.jwt.JwtClaimValidator;
import org.springframework.security.oauth2.jwt.JwtValidators;
import org.springframework.security.oauth2.jwt.NimbusJwtDecoder;

/** Spring's NimbusJwtDecoder as a verifier: `Verifier ISSUER AUDIENCE JWKS_URI TTL_SECONDS`. */
public class Verifier {
  /** The decoder has no option for the ttl: with one, its key source is built as it builds its own, but for the ttl. */
  static NimbusJwtDecoder decoder(String jwksUri, long ttlSeconds) throws Exception {
    if (ttlSeconds == 0) {
      return NimbusJwtDecoder.withJwkSetUri(jwksUri).jwsAlgorithm(SignatureAlgorithm.RS256).build();
    }
    var retriever = new DefaultResourceRetriever(30_000, 30_000);
    var source = JWKSourceBuilder.<SecurityContext>create(URI.create(jwksUri).toURL(), retriever)
        .refreshAheadCache(false).rateLimited(false).cache(ttlSeconds * 1000, 15_000).build();
    return NimbusJwtDecoder.withJwkSource(source).jwsAlgorithm(SignatureAlgorithm.RS256).build();
  }

  static void answer(NimbusJwtDecoder decoder, String line) {
    String[] words = line.split(" ");
    long began = System.nanoTime();
    String answer = "ok";
    try {
      decoder.decode(words[1]);
    } catch (RuntimeException refused) {
      answer = "refused";
    }
    System.out.println(words[0] + " " + answer + " " + (System.nanoTime() - began) / 1000);
  }

  public static void main(String[] args) throws Exception {
    var decoder = decoder(args[2], Long.parseLong(args[3]));
    decoder.setJwtValidator(new DelegatingOAuth2TokenValidator<>(JwtValidators.createDefaultWithIssuer(args[0]),
        new JwtClaimValidator<List<String>>("aud", audiences -> audiences != null && audiences.contains(args[1]))));
    System.out.println("ready Spring NimbusJwtDecoder " + SpringSecurityCoreVersion.getVersion());
    var pool = Executors.newFixedThreadPool(128);
    var lines = new BufferedReader(new InputStreamReader(System.in));
    for (String line; (line = lines.readLine()) != null; ) {
      String one = line;
      pool.submit(() -> answer(decoder, one));
    }
    pool.shutdown();
  }
}
