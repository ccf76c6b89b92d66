// Generated from shared/opentrain/openapi.yaml by `npm run generate`; change that file instead.

export interface paths {
    "/installs/current": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The install that the token belongs to; the connectivity check. */
        get: operations["getCurrentInstall"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/project-links": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Every project link of the install, newest first, not paginated. */
        get: operations["listProjectLinks"];
        put?: never;
        /**
         * Maps one platform project to one OpenTrain job.
         * @description 404 when the job is not this employer's; 409 when the externalProjectId is linked already or the install has as many links as it may have. The answer's status is inferred to be 201: take any 2xx.
         */
        post: operations["createProjectLink"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/project-links/{linkId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                linkId: components["parameters"]["LinkId"];
            };
            cookie?: never;
        };
        /** One project link. */
        get: operations["getProjectLink"];
        put?: never;
        post?: never;
        /** Deletes the link for good. There is no update; to re-point a project, delete and create. */
        delete: operations["deleteProjectLink"];
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contracts": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** Contracts on linked jobs, newest first, at most 200 and with no cursor. */
        get: operations["listContracts"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contracts/{contractId}/participants": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        /** The trainers of a contract; resolves a workEmail that an event lacked. */
        get: operations["listContractParticipants"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contracts/{contractId}/budget": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        /** The contract's budget; read-only, emits no event. */
        get: operations["getContractBudget"];
        put?: never;
        post?: never;
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/contracts/{contractId}/usage": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Replaces what is stored for each (worker, day) with that day's cumulative totals.
         * @description Fields left out keep their stored value. One bad entry fails the whole request with 400: a malformed, missing or future workDate, a count out of range, a worker who is no participant. 404 when the contract or its link is unknown; 409 when there is no hired trainer to attribute the work to.
         */
        post: operations["reportContractUsage"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhook-endpoints": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        /** The install's endpoints, never with their secrets. The name of the wrapping field is inferred. */
        get: operations["listWebhookEndpoints"];
        put?: never;
        /**
         * Registers an endpoint and returns its secret, here and never again.
         * @description The endpoint receives only events that are created from now on. The answer's status is inferred to be 201: take any 2xx.
         */
        post: operations["createWebhookEndpoint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "/webhook-endpoints/{endpointId}": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        /** One endpoint, never with its secret. The name of the wrapping field is inferred. */
        get: operations["getWebhookEndpoint"];
        put?: never;
        post?: never;
        /** Deletes the endpoint and its pending deliveries. With a new one, the only way to change the secret. */
        delete: operations["deleteWebhookEndpoint"];
        options?: never;
        head?: never;
        /** Changes url, event types or status; ACTIVE re-enables and resets the failure count. Never the secret. */
        patch: operations["updateWebhookEndpoint"];
        trace?: never;
    };
    "/webhook-endpoints/{endpointId}/redeliver": {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        get?: never;
        put?: never;
        /**
         * Requeues every FAILED delivery, or the one that is named, whatever its status.
         * @description Attempted within about 5 minutes, and only while the endpoint is ACTIVE: re-enable it first. 404 for an unknown delivery is inferred.
         */
        post: operations["redeliverWebhookEndpoint"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface webhooks {
    "contract.started": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Somebody was hired on a linked job. One event for every link of the install that points at the job. */
        post: operations["onContractStarted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "contract.ended": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A contract ended. One event for every link of the install that points at the job. */
        post: operations["onContractEnded"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "project_link.created": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A link was created. Contracts that began earlier send no event. */
        post: operations["onProjectLinkCreated"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "project_link.removed": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A link was deleted for good. No contract.ended will come for its contracts. */
        post: operations["onProjectLinkRemoved"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "install.revoked": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** The customer disconnected, or connected anew. */
        post: operations["onInstallRevoked"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "milestone.funded": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** A milestone was funded. */
        post: operations["onMilestoneFunded"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "milestone.budget_low": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Consumption rose past 80 % of what is funded. */
        post: operations["onMilestoneBudgetLow"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
    "milestone.budget_depleted": {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        get?: never;
        put?: never;
        /** Consumption rose past 100 % of what is funded. */
        post: operations["onMilestoneBudgetDepleted"];
        delete?: never;
        options?: never;
        head?: never;
        patch?: never;
        trace?: never;
    };
}
export interface components {
    schemas: {
        /** @description The body of every answer that is not a 2xx. */
        Error: {
            error: string;
            code: components["schemas"]["ErrorCode"];
            /** @description To quote to OpenTrain's support. */
            requestId: string;
            details?: {
                [key: string]: unknown;
            };
        };
        /** @enum {string} */
        ErrorCode: "BAD_REQUEST" | "UNAUTHORIZED" | "FORBIDDEN" | "NOT_FOUND" | "CONFLICT" | "RATE_LIMITED" | "INTERNAL_ERROR";
        /** @enum {string} */
        Scope: "project-links:read" | "project-links:write" | "contracts:read" | "participants:read" | "participants:email" | "usage:write" | "webhooks:manage";
        Install: {
            id: string;
            /** @example ACTIVE */
            status: string;
            /** @description What the customer approved. Unknown scopes may appear. */
            scopes: string[];
            /** @description Whether the customer lets the platform see Work Emails. */
            piiConsent: boolean;
            organizationId: string;
            /** Format: date-time */
            createdAt: string;
            partnerApp: {
                id: string;
                slug: string;
                name: string;
            };
            token: {
                id: string;
                name: string;
                scopes: string[];
            };
        };
        /**
         * @description PARTNER_WEBHOOK means that the platform provisions, MANAGED_ADAPTER that OpenTrain does and the platform must not.
         * @enum {string}
         */
        ProvisioningMode: "PARTNER_WEBHOOK" | "MANAGED_ADAPTER";
        NewProjectLink: {
            /** @description Unique within the install. */
            externalProjectId: string;
            externalProjectName?: string;
            externalProjectUrl?: string;
            jobId?: string;
            provisioningMode?: components["schemas"]["ProvisioningMode"];
        };
        ProjectLink: {
            id: string;
            jobId: string | null;
            externalProjectId: string;
            /** @description Null where none was given (inferred). */
            externalProjectName: string | null;
            /** @description Null where none was given (inferred). */
            externalProjectUrl: string | null;
            provisioningMode: components["schemas"]["ProvisioningMode"];
            /** Format: date-time */
            createdAt: string;
        };
        /** @enum {string} */
        ContractStatus: "active" | "ended";
        Contract: {
            id: string;
            status: components["schemas"]["ContractStatus"];
            jobId: string;
            title: string;
            /** @description An ISO date or time. */
            startDate: string;
            /** @description An ISO date or time; null while the contract runs. */
            endDate: string | null;
            /** Format: date-time */
            createdAt: string;
            projectLinkIds: string[];
        };
        Participant: {
            /** @description The only stable key of a trainer. */
            opentrainUserId: string;
            /** @description Masked ("Maria S."), not unique, may change. */
            displayName: string;
            country: string;
            profileUrl: string;
            /** @description Only with the scope participants:email and the install's PII consent. */
            workEmail?: string;
        };
        UsageReport: {
            /** @description One for each (worker, day). */
            entries: components["schemas"]["UsageEntry"][];
        };
        UsageEntry: {
            /**
             * Format: date
             * @description A day, not in the future.
             */
            workDate: string;
            /** @description Of the whole day; not a delta. */
            totalSeconds?: number;
            tasksCompleted?: number;
            labelsCompleted?: number;
            /** @description By default the contract's hired trainer. */
            workerOpentrainUserId?: string;
            externalReportId?: string;
        };
        /** @enum {string} */
        PaymentType: "PAY_PER_HOUR" | "PAY_PER_LABEL" | "FIXED_PRICE";
        /**
         * @description LOW from a consumedFraction of 0.8, DEPLETED from 1.0; FIXED_PRICE and nothing funded are always OK.
         * @enum {string}
         */
        BudgetState: "OK" | "LOW" | "DEPLETED";
        Milestone: {
            id: string;
            name: string;
            amountUsd: number;
            /** @description Hours or labels, by the payment type. */
            volume: number;
            status: string;
        };
        Budget: {
            contractId: string;
            paymentType: components["schemas"]["PaymentType"] | null;
            state: components["schemas"]["BudgetState"];
            /** @description Hours or labels, by the payment type. */
            fundedVolume: number;
            fundedAmountUsd: number;
            consumed: {
                seconds: number;
                /** @description seconds / 3600 */
                hours: number;
                labels: number;
                tasks: number;
            };
            consumedVolume: number;
            remainingVolume: number;
            /** @description consumedVolume / fundedVolume; may exceed 1. */
            consumedFraction: number;
            activeMilestone: components["schemas"]["Milestone"] | null;
            /** Format: date-time */
            lastUsageAt: string | null;
        };
        /** @enum {string} */
        EventType: "contract.started" | "contract.ended" | "project_link.created" | "project_link.removed" | "install.revoked" | "milestone.funded" | "milestone.budget_low" | "milestone.budget_depleted";
        /** @description https; http only for this machine's own loopback names. */
        WebhookUrl: string;
        /** @enum {string} */
        WebhookEndpointStatus: "ACTIVE" | "DISABLED";
        NewWebhookEndpoint: {
            url: components["schemas"]["WebhookUrl"];
            eventTypes: components["schemas"]["EventType"][];
        };
        WebhookEndpointChange: {
            url?: components["schemas"]["WebhookUrl"];
            eventTypes?: components["schemas"]["EventType"][];
            status?: components["schemas"]["WebhookEndpointStatus"];
        };
        WebhookEndpoint: {
            id: string;
            url: string;
            eventTypes: components["schemas"]["EventType"][];
            status: components["schemas"]["WebhookEndpointStatus"];
            /** Format: date-time */
            createdAt: string;
            /** @description At 10 failed deliveries in a row the endpoint is disabled. */
            consecutiveFailures: number;
            /** Format: date-time */
            disabledAt: string | null;
            disabledReason: string | null;
        };
        RedeliverRequest: {
            deliveryId?: string;
        };
        /** @description What every delivery's body holds. It names no install, but for install.revoked. */
        EventRecord: {
            /** @description Increases monotonically. May exceed 2^53 - never read it as a number. */
            id: string;
            /** @description One of EventType; others may come. */
            type: string;
            /** @example v1 */
            apiVersion: string;
            /** Format: date-time */
            createdAt: string;
            /** @description The id of the contract, of the link, of the install, or of the milestone (of the contract when no milestone applies). */
            resourceId: string;
            jobId: string | null;
            data: {
                [key: string]: unknown;
            };
        };
        ContractStartedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "contract.started";
            data: components["schemas"]["ContractEventData"];
        };
        ContractEndedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "contract.ended";
            data: components["schemas"]["ContractEventData"];
        };
        ProjectLinkCreatedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "project_link.created";
            data: components["schemas"]["ProjectLinkEventData"];
        };
        ProjectLinkRemovedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "project_link.removed";
            data: components["schemas"]["ProjectLinkEventData"];
        };
        InstallRevokedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "install.revoked";
            data: components["schemas"]["InstallRevokedEventData"];
        };
        MilestoneFundedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "milestone.funded";
            data: components["schemas"]["MilestoneEventData"];
        };
        MilestoneBudgetLowEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "milestone.budget_low";
            data: components["schemas"]["MilestoneEventData"];
        };
        MilestoneBudgetDepletedEvent: components["schemas"]["EventRecord"] & {
            /** @constant */
            type: "milestone.budget_depleted";
            data: components["schemas"]["MilestoneEventData"];
        };
        /** @description The events that are known today. For a type that is not here, fall back to EventRecord. */
        Event: components["schemas"]["ContractStartedEvent"] | components["schemas"]["ContractEndedEvent"] | components["schemas"]["ProjectLinkCreatedEvent"] | components["schemas"]["ProjectLinkRemovedEvent"] | components["schemas"]["InstallRevokedEvent"] | components["schemas"]["MilestoneFundedEvent"] | components["schemas"]["MilestoneBudgetLowEvent"] | components["schemas"]["MilestoneBudgetDepletedEvent"];
        /** @description Inferred. Look up through the API what is missing. */
        ContractEventData: {
            contract?: components["schemas"]["EventContract"];
            freelancer?: components["schemas"]["EventFreelancer"];
            projectLink?: components["schemas"]["ProjectLink"];
        };
        /** @description Inferred. */
        EventContract: {
            id?: string;
            status?: components["schemas"]["ContractStatus"];
            jobId?: string;
            title?: string;
            startDate?: string;
            endDate?: string | null;
        };
        /** @description Inferred. The trainer's key comes as opentrainUserId or as userId. */
        EventFreelancer: {
            opentrainUserId?: string;
            userId?: string;
            displayName?: string;
            country?: string;
            profileUrl?: string;
            /** @description Only with the scope participants:email and the install's PII consent. */
            workEmail?: string;
        };
        /** @description The final snapshot when a link was removed; where it lies is inferred. */
        ProjectLinkEventData: {
            projectLink?: components["schemas"]["ProjectLink"];
        };
        /** @description Inferred. The record's resourceId is the install's id. */
        InstallRevokedEventData: {
            install?: {
                id?: string;
                status?: string;
                organizationId?: string;
            };
        };
        /** @description Inferred. Take the contract's id from the budget. */
        MilestoneEventData: {
            milestone?: components["schemas"]["EventMilestone"] | null;
            budget?: components["schemas"]["EventBudget"];
        };
        /** @description Inferred. */
        EventMilestone: {
            id?: string;
            name?: string;
            amountUsd?: number;
            volume?: number;
            status?: string;
        };
        /** @description Inferred. A Budget, of which only the contract's id is sure. */
        EventBudget: {
            contractId?: string;
            paymentType?: string | null;
            state?: components["schemas"]["BudgetState"];
            fundedVolume?: number;
            fundedAmountUsd?: number;
            consumedVolume?: number;
            remainingVolume?: number;
            consumedFraction?: number;
            lastUsageAt?: string | null;
        };
    };
    responses: {
        /** @description BAD_REQUEST */
        BadRequest: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description UNAUTHORIZED, the token is missing, unknown or revoked. */
        Unauthorized: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description FORBIDDEN, the token lacks the scope, or the install, the app or the employer's feature is not active. */
        Forbidden: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description NOT_FOUND */
        NotFound: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description CONFLICT */
        Conflict: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description RATE_LIMITED */
        RateLimited: {
            headers: {
                /** @description Seconds to wait, or a date (inferred). */
                "Retry-After"?: string;
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
        /** @description INTERNAL_ERROR */
        InternalError: {
            headers: {
                [name: string]: unknown;
            };
            content: {
                "application/json": components["schemas"]["Error"];
            };
        };
    };
    parameters: {
        LinkId: string;
        ContractId: string;
        EndpointId: string;
        EventHeader: components["schemas"]["EventType"];
        /** @description Names the delivery; every attempt at it carries the same. */
        DeliveryHeader: string;
        /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
        SignatureHeader: string;
        UserAgentHeader: string;
    };
    requestBodies: never;
    headers: never;
    pathItems: never;
}
export type $defs = Record<string, never>;
export interface operations {
    getCurrentInstall: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The install, its app and its token. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        install: components["schemas"]["Install"];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listProjectLinks: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All links. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        projectLinks: components["schemas"]["ProjectLink"][];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    createProjectLink: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewProjectLink"];
            };
        };
        responses: {
            /** @description The new link. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        projectLink: components["schemas"]["ProjectLink"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getProjectLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                linkId: components["parameters"]["LinkId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The link. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        projectLink: components["schemas"]["ProjectLink"];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    deleteProjectLink: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                linkId: components["parameters"]["LinkId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The final snapshot. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        projectLink: components["schemas"]["ProjectLink"];
                        /** @constant */
                        deleted: true;
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listContracts: {
        parameters: {
            query?: {
                /** @description Only contracts on this link's job; 404 when the link is unknown. */
                projectLinkId?: string;
                status?: components["schemas"]["ContractStatus"];
                limit?: number;
            };
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The newest contracts that match. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contracts: components["schemas"]["Contract"][];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listContractParticipants: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The trainers. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contractId: string;
                        participants: components["schemas"]["Participant"][];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getContractBudget: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The budget, bare. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": components["schemas"]["Budget"];
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    reportContractUsage: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                contractId: components["parameters"]["ContractId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["UsageReport"];
            };
        };
        responses: {
            /** @description All entries were taken. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        contractId: string;
                        accepted: number;
                        budget: components["schemas"]["Budget"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            409: components["responses"]["Conflict"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    listWebhookEndpoints: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description All endpoints. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoints: components["schemas"]["WebhookEndpoint"][];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    createWebhookEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["NewWebhookEndpoint"];
            };
        };
        responses: {
            /** @description The endpoint and its secret. */
            201: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoint: components["schemas"]["WebhookEndpoint"];
                        secret: string;
                        message: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    getWebhookEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The endpoint. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoint: components["schemas"]["WebhookEndpoint"];
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    deleteWebhookEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        requestBody?: never;
        responses: {
            /** @description The final snapshot. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoint: components["schemas"]["WebhookEndpoint"];
                        /** @constant */
                        deleted: true;
                    };
                };
            };
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    updateWebhookEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["WebhookEndpointChange"];
            };
        };
        responses: {
            /** @description The endpoint as it is now. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoint: components["schemas"]["WebhookEndpoint"];
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    redeliverWebhookEndpoint: {
        parameters: {
            query?: never;
            header?: never;
            path: {
                endpointId: components["parameters"]["EndpointId"];
            };
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["RedeliverRequest"];
            };
        };
        responses: {
            /** @description How many deliveries were requeued. */
            200: {
                headers: {
                    [name: string]: unknown;
                };
                content: {
                    "application/json": {
                        webhookEndpoint: components["schemas"]["WebhookEndpoint"];
                        requeued: number;
                        message: string;
                    };
                };
            };
            400: components["responses"]["BadRequest"];
            401: components["responses"]["Unauthorized"];
            403: components["responses"]["Forbidden"];
            404: components["responses"]["NotFound"];
            429: components["responses"]["RateLimited"];
            500: components["responses"]["InternalError"];
        };
    };
    onContractStarted: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContractStartedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onContractEnded: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ContractEndedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onProjectLinkCreated: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProjectLinkCreatedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onProjectLinkRemoved: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["ProjectLinkRemovedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onInstallRevoked: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["InstallRevokedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onMilestoneFunded: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MilestoneFundedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onMilestoneBudgetLow: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MilestoneBudgetLowEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
    onMilestoneBudgetDepleted: {
        parameters: {
            query?: never;
            header: {
                "X-OpenTrain-Event": components["parameters"]["EventHeader"];
                /** @description Names the delivery; every attempt at it carries the same. */
                "X-OpenTrain-Delivery": components["parameters"]["DeliveryHeader"];
                /** @description `t=<unix seconds>,v1=<hex HMAC-SHA256(secret, "<t>.<rawBody>")>`, over the raw bytes. Refuse a `t` that is more than 300 s away. */
                "X-OpenTrain-Signature": components["parameters"]["SignatureHeader"];
                "User-Agent"?: components["parameters"]["UserAgentHeader"];
            };
            path?: never;
            cookie?: never;
        };
        requestBody: {
            content: {
                "application/json": components["schemas"]["MilestoneBudgetDepletedEvent"];
            };
        };
        responses: {
            /** @description Delivered, when it came within 10 s. */
            "2XX": {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
            /** @description Failed: anything else, a redirect and a timeout included. Tried again after 1, 5, 30 and 120 min. */
            default: {
                headers: {
                    [name: string]: unknown;
                };
                content?: never;
            };
        };
    };
}
