// Written by scripts/known-keys.py; do not edit.

/// The values of Cilium's chart 1.19.4 as a tree: `name(child child)`; below `name*` and leaves all is free.
enum CiliumValuePaths {
    static let chartVersion = "1.19.4"
    static let tree = """
        MTU affinity* agent agentNotReadyTaintKey aksbyocni( enabled ) alibabacloud( enabled nodeSpec(
        securityGroupTags securityGroups vSwitchTags vSwitches ) ) annotateK8sNode annotations* apiRateLimit
        authentication( enabled gcInterval mutual( connectTimeout port spire( adminSocketPath agentSocketPath
        annotations* connectionTimeout enabled install( agent( affinity* annotations* image( digest override
        pullPolicy repository tag useDigest ) labels* nodeSelector* podSecurityContext* priorityClassName resources*
        securityContext* serviceAccount( create name ) skipKubeletVerification tolerations* ) enabled
        existingNamespace initImage( digest override pullPolicy repository tag useDigest ) namespace server(
        affinity* annotations* ca( keyType subject( commonName country organization ) ) dataStorage( accessMode
        enabled size storageClass ) image( digest override pullPolicy repository tag useDigest ) initContainers
        labels* nodeSelector* podSecurityContext* priorityClassName resources* securityContext* service(
        annotations* labels* type ) serviceAccount( create name ) tolerations* ) ) serverAddress trustDomain ) )
        queueSize rotatedIdentitiesQueueSize ) autoDirectNodeRoutes azure( clientID clientSecret enabled nodeSpec(
        azureInterfaceName ) resourceGroup subscriptionID tenantID usePrimaryAddress userAssignedIdentityID )
        bandwidthManager( bbr bbrHostNamespaceOnly enabled ) bgpControlPlane( enabled legacyOriginAttribute( enabled
        ) routerIDAllocation( ipPool mode ) secretsNamespace( create name ) statusReport( enabled ) ) bpf(
        authMapMax autoMount( enabled ) ctAccounting ctAnyMax ctTcpMax datapathMode disableExternalIPMitigation
        distributedLRU( enabled ) enableTCX events( default( burstLimit rateLimit ) drop( enabled ) policyVerdict(
        enabled ) trace( enabled ) ) hostLegacyRouting lbAlgorithmAnnotation lbExternalClusterIP lbMapMax
        lbModeAnnotation lbSourceRangeAllTypes mapDynamicSizeRatio masquerade monitorAggregation monitorFlags
        monitorInterval monitorTraceIPOption natMax neighMax nodeMapMax policyMapMax
        policyMapPressureMetricsThreshold policyStatsMapMax preallocateMaps root tproxy vlanBypass ) bpfClockProbe
        certgen( affinity* annotations* cronJob( failedJobsHistoryLimit successfulJobsHistoryLimit )
        extraVolumeMounts extraVolumes generateCA image( digest override pullPolicy repository tag useDigest )
        nodeSelector* podLabels* priorityClassName resources* tolerations* ttlSecondsAfterFinished ) cgroup(
        autoMount( enabled resources* ) hostRoot ) ciliumEndpointSlice( enabled rateLimits( burst limit ) )
        cleanBpfState cleanState cluster( id name ) clusterHealthPort clustermesh( annotations* apiserver( affinity*
        etcd( init( extraArgs extraEnv resources* ) lifecycle* resources* securityContext* storageMedium ) extraArgs
        extraEnv extraVolumeMounts extraVolumes healthPort image( digest override pullPolicy repository tag
        useDigest ) kvstoremesh( enabled extraArgs extraEnv extraVolumeMounts healthPort kvstoreMode lifecycle*
        readinessProbe* resources* securityContext* ) lifecycle* metrics( enabled etcd( enabled mode port )
        kvstoremesh( enabled port ) port serviceMonitor( annotations* enabled etcd( interval metricRelabelings
        relabelings scrapeTimeout ) interval kvstoremesh( interval metricRelabelings relabelings scrapeTimeout )
        labels* metricRelabelings namespace relabelings scrapeTimeout ) ) nodeSelector* podAnnotations*
        podDisruptionBudget( enabled maxUnavailable minAvailable unhealthyPodEvictionPolicy ) podLabels*
        podSecurityContext* priorityClassName readinessProbe* replicas resources* securityContext* service(
        annotations* enableSessionAffinity externalTrafficPolicy externallyCreated internalTrafficPolicy labels*
        loadBalancerClass loadBalancerIP loadBalancerSourceRanges nodePort type ) terminationGracePeriodSeconds tls(
        admin( cert key ) authMode auto( certManagerIssuerRef* certValidityDuration enabled method schedule )
        enableSecrets remote( cert key ) server( cert extraDnsNames extraIpAddresses key ) ) tolerations*
        topologySpreadConstraints( topologyKey whenUnsatisfiable ) updateStrategy( rollingUpdate( maxSurge
        maxUnavailable ) type ) ) cacheTTL config( clusters* domain enabled ) enableEndpointSliceSynchronization
        enableMCSAPISupport maxConnectedClusters mcsapi( corednsAutoConfigure( affinity* annotations* coredns(
        clusterDomain clustersetDomain configMapName deploymentName namespace serviceAccountName ) enabled extraArgs
        extraVolumeMounts extraVolumes nodeSelector* podLabels* priorityClassName resources* tolerations*
        ttlSecondsAfterFinished ) enabled installCRDs ) policyDefaultLocalCluster useAPIServer ) cni( binPath
        chainingMode chainingTarget confFileMountPath confPath configMap configMapKey customConf
        enableRouteMTUForCNIChaining exclusive externalRouting hostConfDirMountPath install iptablesRemoveAWSRules
        logFile readCniConf resources* uninstall ) commonLabels* config( masqLinkLocal masqLinkLocalIPv6
        nonMasqueradeCIDRs ) configDriftDetection( driftChecker enabled ignoredKeys )
        connectivityProbeFrequencyRatio conntrackGCInterval conntrackGCMaxInterval crdWaitTimeout daemon(
        allowedConfigOverrides blockedConfigOverrides configSources enableSourceIPVerification runPath ) dashboards(
        annotations* enabled label labelValue namespace ) debug( enabled metricsSamplingInterval verbose )
        defaultLBServiceIPAM devices directRoutingSkipUnreachable disableEndpointCRD disableEnvoyVersionCheck
        disableIptablesFeederRules dnsPolicy dnsPolicyUnloadOnShutdown dnsProxy( dnsRejectResponseCode
        enableDnsCompression enableTransparentMode endpointMaxIpPerHostname idleConnectionGracePeriod
        maxDeferredConnectionDeletes minTtl preAllocateIdentities preCache proxyPort proxyResponseMaxDelay
        socketLingerTimeout ) egressGateway( enabled maxPolicyEntries reconciliationTriggerInterval )
        egressMasqueradeInterfaces emptyDir( medium sizeLimit ) enableCnpStatusUpdates enableCriticalPriorityClass
        enableIPv4BIGTCP enableIPv4Masquerade enableIPv6BIGTCP enableIPv6Masquerade enableIdentityMark
        enableInternalTrafficPolicy enableK8sEventHandover enableLBIPAM enableMasqueradeRouteSource
        enableNoServiceEndpointsRoutable enableNonDefaultDenyPolicies enableXTSocketFallback encryption( enabled
        ipsec( encryptedOverlay interface keyFile keyRotationDuration keyWatcher mountPath secretName )
        nodeEncryption strictMode( allowRemoteNodeIdentities cidr egress( allowRemoteNodeIdentities cidr enabled )
        enabled ingress( enabled ) ) type wireguard( persistentKeepalive ) ztunnel( affinity* annotations* caAddress
        extraEnv extraVolumeMounts extraVolumes healthPort image( digest override pullPolicy repository tag
        useDigest ) nodeSelector* podAnnotations* podLabels* priorityClassName readinessProbe( failureThreshold
        initialDelaySeconds periodSeconds ) resources* secrets( bootstrapRootCert ) terminationGracePeriodSeconds
        tolerations* updateStrategy( rollingUpdate( maxSurge maxUnavailable ) type ) ) ) endpointHealthChecking(
        enabled ) endpointLockdownOnMapOverflow endpointPolicyUpdateTimeoutDuration endpointRoutes( enabled ) eni(
        awsEnablePrefixDelegation awsReleaseExcessIPs ec2APIEndpoint enabled eniTags* gcInterval gcTags* iamRole
        instanceTagsFilter nodeSpec( deleteOnTermination disablePrefixDelegation excludeInterfaceTags
        firstInterfaceIndex securityGroupTags securityGroups subnetIDs subnetTags usePrimaryAddress )
        subnetIDsFilter subnetTagsFilter ) envoy( affinity* annotations* baseID bootstrapConfigMap
        clusterMaxConnections clusterMaxRequests connectTimeoutSeconds debug( admin( enabled port ) ) dnsPolicy
        enabled extraArgs extraContainers extraEnv extraHostPathMounts( hostPath hostPathType mountPath
        mountPropagation readOnly ) extraVolumeMounts extraVolumes healthPort httpRetryCount
        httpUpstreamLingerTimeout idleTimeoutDurationSeconds image( digest override pullPolicy repository tag
        useDigest ) initContainers initialFetchTimeoutSeconds livenessProbe( enabled failureThreshold periodSeconds
        ) log( accessLogBufferSize date defaultLevel format format_json* level logger message oneOf path )
        maxConcurrentRetries maxConnectionDurationSeconds maxGlobalDownstreamConnections maxRequestsPerConnection
        nodeSelector* podAnnotations* podLabels* podSecurityContext* policyRestoreTimeoutDuration priorityClassName
        prometheus( enabled port serviceMonitor( annotations* enabled interval labels* metricRelabelings namespace
        relabelings( action replacement targetLabel ) scrapeTimeout ) ) readinessProbe( failureThreshold
        periodSeconds ) resources* rollOutPods securityContext* startupProbe( enabled failureThreshold periodSeconds
        ) streamIdleTimeoutDurationSeconds terminationGracePeriodSeconds tolerations* updateStrategy( rollingUpdate(
        maxUnavailable ) type ) useOriginalSourceAddress xffNumTrustedHopsL7PolicyEgress
        xffNumTrustedHopsL7PolicyIngress ) envoyConfig( enabled retryInterval secretsNamespace( create name ) )
        etcd( enabled endpoints ssl ) extraArgs extraConfig* extraContainers extraEnv extraHostPathMounts( hostPath
        hostPathType mountPath mountPropagation readOnly ) extraInitContainers extraVolumeMounts extraVolumes
        forceDeviceDetection fragmentTracking gatewayAPI( enableAlpn enableAppProtocol enableProxyProtocol enabled
        externalTrafficPolicy gatewayClass( create ) hostNetwork( enabled nodes( matchLabels* ) ) secretsNamespace(
        create name sync ) xffNumTrustedHops ) gke( enabled ) global* hashSeed healthCheckICMPFailureThreshold
        healthChecking healthPort hostFirewall( enabled ) hostServices hubble( annotations* dropEventEmitter(
        enabled interval reasons ) enabled eventBufferCapacity eventQueueSize export( aggregationInterval dynamic(
        config( configMapName content( aggregationInterval excludeFilters fieldAggregate fieldMask fileCompress( end
        excludeFilters fileCompress fileMaxBackups fileMaxSizeMb filePath includeFilters ) fileMaxBackups
        fileMaxSizeMb filePath includeFilters ) createConfigMap ) enabled ) fileCompress fileMaxBackups
        fileMaxSizeMb static( aggregationInterval allowList denyList enabled fieldAggregate fieldMask fileCompress
        fileMaxBackups fileMaxSizeMb filePath ) ) listenAddress lostEventSendInterval metrics( dashboards(
        annotations* enabled label labelValue namespace ) dynamic( config( configMapName content( contextOptions
        excludeFilters includeFilters ) createConfigMap ) enabled ) enableOpenMetrics enabled port
        serviceAnnotations* serviceMonitor( annotations* enabled interval jobLabel labels* metricRelabelings
        relabelings( action replacement targetLabel ) scrapeTimeout tlsConfig* ) tls( enabled server( cert
        existingSecret extraDnsNames extraIpAddresses key mtls( enabled key name useSecret ) ) ) )
        networkPolicyCorrelation( enabled ) peerService( clusterDomain servicePort targetPort ) preferIpv6 redact(
        enabled http( headers( allow( redact( enabled ) ) deny redact( enabled ) ) redact( enabled ) urlQuery(
        redact( enabled ) ) userInfo ) kafka( apiKey redact( enabled kafka ) ) ) relay( affinity* annotations*
        enabled extraEnv extraVolumeMounts extraVolumes gops( enabled port ) image( digest override pullPolicy
        repository tag useDigest ) listenHost listenPort logOptions( format level ) nodeSelector* podAnnotations*
        podDisruptionBudget( enabled maxUnavailable minAvailable unhealthyPodEvictionPolicy ) podLabels*
        podSecurityContext* pprof( address blockProfileRate enabled mutexProfileFraction port ) priorityClassName
        prometheus( enabled port serviceMonitor( annotations* enabled interval labels* metricRelabelings namespace
        relabelings scrapeTimeout ) ) replicas resources* retryTimeout rollOutPods securityContext* service(
        nodePort type ) servicePort sortBufferDrainTimeout sortBufferLenMax terminationGracePeriodSeconds tls(
        client( cert existingSecret key ) server( cert enabled existingSecret extraDnsNames extraIpAddresses key
        mtls relayName ) ) tolerations* topologySpreadConstraints( topologyKey whenUnsatisfiable ) updateStrategy(
        rollingUpdate( maxUnavailable ) type ) ) skipUnknownCGroupIDs socketPath tls( auto( certManagerIssuerRef*
        certValidityDuration enabled method schedule ) enabled server( cert existingSecret extraDnsNames
        extraIpAddresses key ) ) ui( affinity* annotations* backend( extraEnv extraVolumeMounts extraVolumes image(
        digest override pullPolicy repository tag useDigest ) livenessProbe( enabled ) readinessProbe( enabled )
        resources* securityContext* ) baseUrl emptyDir enabled frontend( extraEnv extraVolumeMounts extraVolumes
        image( digest override pullPolicy repository tag useDigest ) resources* securityContext* server( ipv6(
        enabled ) ) ) ingress( annotations* className enabled hosts labels* tls( hosts ) ) labels* nodeSelector*
        podAnnotations* podDisruptionBudget( enabled maxUnavailable minAvailable unhealthyPodEvictionPolicy )
        podLabels* priorityClassName replicas rollOutPods securityContext* service( annotations* labels* nodePort
        type ) standalone( enabled tls( certsVolume* ) ) tls( client( cert existingSecret key ) ) tmpVolume*
        tolerations* topologySpreadConstraints( topologyKey whenUnsatisfiable ) updateStrategy( rollingUpdate(
        maxUnavailable ) type ) ) ) identityAllocationMode identityChangeGracePeriod identityManagementMode image(
        digest override pullPolicy repository tag useDigest ) imagePullSecrets ingressController( default
        defaultSecretName defaultSecretNamespace enableProxyProtocol enabled enforceHttps hostNetwork( enabled
        nodes( matchLabels* ) sharedListenerPort ) ingressLBAnnotationPrefixes loadbalancerMode secretsNamespace(
        create name sync ) service( allocateLoadBalancerNodePorts annotations* externalTrafficPolicy
        insecureNodePort labels* loadBalancerClass loadBalancerIP name secureNodePort type ) ) initResources*
        installNoConntrackIptablesRules ipMasqAgent( config enabled ) ipam( ciliumNodeUpdateRate
        installUplinkRoutesForDelegatedIPAM mode multiPoolPreAllocation nodeSpec( ipamMaxAllocate ipamMinAllocate
        ipamPreAllocate ipamStaticIPTags ) operator( autoCreateCiliumPodIPPools* clusterPoolIPv4MaskSize
        clusterPoolIPv4PodCIDRList clusterPoolIPv6MaskSize clusterPoolIPv6PodCIDRList externalAPILimitBurstSize
        externalAPILimitQPS ) ) iptablesLockTimeout iptablesRandomFully ipv4( enabled ) ipv4NativeRoutingCIDR ipv6(
        enabled ) ipv6NativeRoutingCIDR k8s( apiServerURLs requireIPv4PodCIDR requireIPv6PodCIDR serviceProxyName )
        k8sClientExponentialBackoff( backoffBaseSeconds backoffMaxDurationSeconds enabled ) k8sClientRateLimit(
        burst operator( burst qps ) qps ) k8sNetworkPolicy( enabled ) k8sServiceHost k8sServiceHostRef( key name )
        k8sServiceLookupConfigMapName k8sServiceLookupNamespace k8sServicePort keepDeprecatedLabels
        keepDeprecatedProbes kubeConfigPath kubeProxyReplacement kubeProxyReplacementHealthzBindAddr
        l2NeighDiscovery( enabled ) l2announcements( enabled leaseDuration leaseRenewDeadline leaseRetryPeriod )
        l2podAnnouncements( enabled interface interfacePattern ) l7Proxy labels livenessProbe( failureThreshold
        periodSeconds requireK8sConnectivity ) loadBalancer( acceleration algorithm dsrDispatch l7( algorithm
        backend ports ) mode serviceTopology standalone ) localRedirectPolicies( addressMatcherCIDRs enabled )
        localRedirectPolicy logOptions( format ) logSystemLoad maglev* monitor( enabled eventTypes resources ) name
        namespaceOverride nat( mapStatsEntries mapStatsInterval ) nat46x64Gateway( enabled ) nodeIPAM( enabled )
        nodeLabels nodePort( addresses autoProtectPortRange bindProtection directRoutingDevice enableHealthCheck
        enableHealthCheckLoadBalancerIP range ) nodeSelector* nodeSelectorLabels nodeinit( affinity* annotations*
        bootstrapFile enabled extraEnv extraVolumeMounts extraVolumes image( digest override pullPolicy repository
        tag useDigest ) nodeSelector* podAnnotations* podLabels* podSecurityContext* prestop( postScript preScript )
        priorityClassName resources* revertReconfigureKubelet securityContext* startup( postScript preScript )
        tolerations* updateStrategy( type ) waitForCloudInit ) nonIdempotentAnnotations operator( affinity*
        annotations* dashboards( annotations* enabled label labelValue namespace ) dnsPolicy enabled
        endpointGCInterval extraArgs extraEnv extraHostPathMounts( hostPath hostPathType mountPath mountPropagation
        readOnly ) extraVolumeMounts extraVolumes hostNetwork identityGCInterval identityHeartbeatTimeout image(
        alibabacloudDigest awsDigest azureDigest genericDigest override pullPolicy repository suffix tag useDigest )
        nodeGCInterval nodeSelector* podAnnotations* podDisruptionBudget( enabled maxUnavailable minAvailable
        unhealthyPodEvictionPolicy ) podLabels* podSecurityContext* pprof( address blockProfileRate enabled
        mutexProfileFraction port ) priorityClassName prometheus( enabled metricsService port serviceMonitor(
        annotations* enabled interval jobLabel labels* metricRelabelings namespace relabelings scrapeTimeout ) tls(
        enabled server( existingSecret mtls( enabled ) ) ) ) removeNodeTaints replicas resources* rollOutPods
        runAsUser securityContext* setNodeNetworkStatus setNodeTaints skipCRDCreation tolerations*
        topologySpreadConstraints( topologyKey whenUnsatisfiable ) unmanagedPodWatcher( intervalSeconds restart
        selector ) updateStrategy( rollingUpdate( maxSurge maxUnavailable ) type ) ) pmtuDiscovery( enabled
        packetizationLayerPMTUDMode ) podAnnotations* podLabels* podSecurityContext* policyAuditMode
        policyCIDRMatchMode policyDenyResponse policyEnforcementMode pprof( address blockProfileRate enabled
        mutexProfileFraction port ) preflight( affinity* annotations* enabled envoy( image( digest override
        pullPolicy repository tag useDigest ) ) extraEnv extraVolumeMounts extraVolumes image( digest override
        pullPolicy repository tag useDigest ) nodeSelector* podAnnotations* podDisruptionBudget( enabled
        maxUnavailable minAvailable unhealthyPodEvictionPolicy ) podLabels* podSecurityContext* priorityClassName
        readinessProbe( initialDelaySeconds periodSeconds ) resources* securityContext*
        terminationGracePeriodSeconds tofqdnsPreCache tolerations* updateStrategy( type ) validateCNPs )
        priorityClassName prometheus( controllerGroupMetrics enabled metrics metricsService port serviceMonitor(
        annotations* enabled interval jobLabel labels* metricRelabelings namespace relabelings( action replacement
        targetLabel ) scrapeTimeout trustCRDsExist ) ) rbac( create ) readinessProbe( failureThreshold periodSeconds
        ) resourceQuotas( cilium( hard( pods ) ) enabled operator( hard( pods ) ) ) resources* rollOutCiliumPods
        routingMode scheduling( mode ) sctp( enabled ) secretsNamespaceAnnotations* secretsNamespaceLabels*
        securityContext* serviceAccounts( cilium( annotations* automount create name ) clustermeshApiserver(
        annotations* automount create name ) clustermeshcertgen( annotations* automount create name ) corednsMCSAPI(
        annotations* automount create name ) envoy( annotations* automount create name ) hubblecertgen( annotations*
        automount create name ) nodeinit( annotations* automount create enabled name ) operator( annotations*
        automount create name ) preflight( annotations* automount create name ) relay( annotations* automount create
        name ) ui( annotations* automount create name ) ztunnel( annotations* automount create name ) )
        serviceNoBackendResponse sleepAfterInit socketLB( enabled hostNamespaceOnly terminatePodConnections tracing
        ) standaloneDnsProxy( annotations* automountServiceAccountToken debug enabled image( digest override
        pullPolicy repository tag useDigest ) nodeSelector* rollOutPods serverPort tolerations* updateStrategy(
        rollingUpdate( maxSurge maxUnavailable ) type ) ) startupProbe( failureThreshold periodSeconds )
        synchronizeK8sNodes sysctlfix( enabled ) tableSize terminationGracePeriodSeconds tls( ca( cert
        certValidityDuration key ) caBundle( content enabled key name useSecret )
        readSecretsOnlyFromSecretsNamespace secretSync( enabled ) secretsBackend secretsNamespace( create name ) )
        tmpVolume* tolerations* tunnel tunnelPort tunnelProtocol tunnelSourcePortRange underlayProtocol
        updateStrategy( rollingUpdate( maxUnavailable ) type ) upgradeCompatibility vtep( cidr enabled endpoint mac
        mask ) waitForKubeProxy wellKnownIdentities( enabled )
        """
}
