package provider;

import com.nimbusds.jose.jwk.Curve;
import com.nimbusds.jose.jwk.ECKey;
import com.nimbusds.jose.jwk.JWK;
import com.nimbusds.jose.jwk.JWKSet;
import com.nimbusds.jose.jwk.RSAKey;
import com.nimbusds.jose.jwk.source.ImmutableJWKSet;
import com.nimbusds.jose.jwk.source.JWKSource;
import com.nimbusds.jose.proc.SecurityContext;
import java.security.KeyPair;
import java.security.KeyPairGenerator;
import java.security.interfaces.ECPublicKey;
import java.security.interfaces.RSAPublicKey;
import java.time.Duration;
import java.util.ArrayList;
import java.util.List;
import java.util.UUID;
import org.springframework.boot.SpringApplication;
import org.springframework.boot.autoconfigure.SpringBootApplication;
import org.springframework.context.annotation.Bean;
import org.springframework.security.oauth2.core.AuthorizationGrantType;
import org.springframework.security.oauth2.core.ClientAuthenticationMethod;
import org.springframework.security.oauth2.jose.jws.SignatureAlgorithm;
import org.springframework.security.oauth2.server.authorization.client.InMemoryRegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClient;
import org.springframework.security.oauth2.server.authorization.client.RegisteredClientRepository;
import org.springframework.security.oauth2.server.authorization.settings.ClientSettings;
import org.springframework.security.oauth2.server.authorization.settings.OAuth2TokenFormat;
import org.springframework.security.oauth2.server.authorization.settings.TokenSettings;
import org.springframework.security.oauth2.server.authorization.token.JwtEncodingContext;
import org.springframework.security.oauth2.server.authorization.token.OAuth2TokenCustomizer;

/** A Spring Authorization Server for tests: a client is named after what is odd in its tokens. */
@SpringBootApplication
public class Provider {
  private static final List<String> ALGORITHMS =
      List.of("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256");

  public static void main(String[] arguments) {
    SpringApplication.run(Provider.class, arguments);
  }

  /** New at each start, and with kid alone: neither alg nor use. */
  @Bean
  JWKSource<SecurityContext> keys() throws Exception {
    List<JWK> keys = new ArrayList<>();
    KeyPairGenerator rsa = KeyPairGenerator.getInstance("RSA");
    rsa.initialize(2048);
    KeyPair pair = rsa.generateKeyPair();
    keys.add(new RSAKey.Builder((RSAPublicKey) pair.getPublic())
        .privateKey(pair.getPrivate()).keyID(UUID.randomUUID().toString()).build());
    // One alone: without alg, the encoder cannot tell several EC keys apart.
    KeyPairGenerator ec = KeyPairGenerator.getInstance("EC");
    ec.initialize(Curve.P_256.toECParameterSpec());
    pair = ec.generateKeyPair();
    keys.add(new ECKey.Builder(Curve.P_256, (ECPublicKey) pair.getPublic())
        .privateKey(pair.getPrivate()).keyID(UUID.randomUUID().toString()).build());
    return new ImmutableJWKSet<>(new JWKSet(keys));
  }

  @Bean
  RegisteredClientRepository clients() {
    List<RegisteredClient> clients = new ArrayList<>();
    for (String algorithm : ALGORITHMS) clients.add(service("svc-" + algorithm).build());
    clients.add(service("svc").build());
    clients.add(service("plain").build());
    clients.add(service("opaque").tokenSettings(TokenSettings.builder()
        .accessTokenFormat(OAuth2TokenFormat.REFERENCE).build()).build());
    clients.add(service("short").tokenSettings(TokenSettings.builder()
        .accessTokenTimeToLive(Duration.ofSeconds(4)).build()).build());
    clients.add(service("web")
        .authorizationGrantType(AuthorizationGrantType.AUTHORIZATION_CODE)
        .authorizationGrantType(AuthorizationGrantType.REFRESH_TOKEN)
        .redirectUri("http://127.0.0.1:1/callback").scope("openid")
        .clientSettings(ClientSettings.builder().requireAuthorizationConsent(false).build())
        .build());
    return new InMemoryRegisteredClientRepository(clients);
  }

  private static RegisteredClient.Builder service(String name) {
    return RegisteredClient.withId(name).clientId(name).clientSecret("{noop}" + name + "-secret")
        .clientAuthenticationMethod(ClientAuthenticationMethod.CLIENT_SECRET_BASIC)
        .authorizationGrantType(AuthorizationGrantType.CLIENT_CREDENTIALS)
        .scope("read:orders").scope("write:orders");
  }

  @Bean
  OAuth2TokenCustomizer<JwtEncodingContext> customizer() {
    return context -> {
      String client = context.getRegisteredClient().getClientId();
      if (!client.equals("plain")) new Audience().customize(context);
      if (client.startsWith("svc-"))
        context.getJwsHeader().algorithm(SignatureAlgorithm.from(client.substring(4)));
    };
  }
}
